// Counts the packets and bytes of a capture file per 5-tuple, both directions together, by the fastest way that gopacket
// has: one set of layers that is decoded into again and again, found by number, and one
// buffer that packets are read into.
//
// Packets come from gopacket's own reader of pcap files, over a large buffer and without an allocation per packet, or with
// `libpcap` from its binding to that library.
//
//	gopacket FILE
//	gopacket libpcap FILE
//
// Until SIGINT, it does the same with what comes through an interface, from a ring of gopacket's afpacket, or writes it to a capture file:
//
//	gopacket live INTERFACE
//	gopacket write INTERFACE FILE
//
// It also measures how long frames take that it sends through an interface to where a capture of them comes in:
//
//	gopacket delay INTERFACE FRAMES
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcap"
	"github.com/google/gopacket/pcapgo"
)

type key4 struct {
	a, b   [4]byte
	pa, pb uint16
	proto  layers.IPProtocol
}

type key6 struct {
	a, b   [16]byte
	pa, pb uint16
	proto  layers.IPProtocol
}

type totals struct{ packets, bytes uint64 }

// first tells whether the source end comes first in a key, which is the same in both directions.
func first(src, dst []byte, sport, dport uint16) bool {
	order := bytes.Compare(src, dst)
	return order < 0 || (order == 0 && sport <= dport)
}

func run(reader gopacket.ZeroCopyPacketDataSource) error {
	var (
		eth  layers.Ethernet
		tag  layers.Dot1Q
		ip4  layers.IPv4
		ip6  layers.IPv6
		tcp  layers.TCP
		udp  layers.UDP
		body gopacket.Payload
	)
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet)
	parser.SetDecodingLayerContainer(gopacket.DecodingLayerArray(nil))
	for _, layer := range []gopacket.DecodingLayer{&eth, &tag, &ip4, &ip6, &tcp, &udp, &body} {
		parser.AddDecodingLayer(layer)
	}
	parser.IgnoreUnsupported = true

	flows4 := make(map[key4]*totals)
	flows6 := make(map[key6]*totals)
	decoded := make([]gopacket.LayerType, 0, 8)
	var packets, others uint64
	for {
		data, info, err := reader.ZeroCopyReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		packets++
		if err := parser.DecodeLayers(data, &decoded); err != nil {
			others++
			continue
		}
		var version int
		var sport, dport uint16
		var proto layers.IPProtocol
		for _, layer := range decoded {
			switch layer {
			case layers.LayerTypeIPv4:
				version, proto = 4, ip4.Protocol
			case layers.LayerTypeIPv6:
				version, proto = 6, ip6.NextHeader
			case layers.LayerTypeTCP:
				sport, dport = uint16(tcp.SrcPort), uint16(tcp.DstPort)
			case layers.LayerTypeUDP:
				sport, dport = uint16(udp.SrcPort), uint16(udp.DstPort)
			}
		}
		var found *totals
		switch version {
		case 4:
			key := key4{pa: sport, pb: dport, proto: proto}
			if first(ip4.SrcIP, ip4.DstIP, sport, dport) {
				copy(key.a[:], ip4.SrcIP)
				copy(key.b[:], ip4.DstIP)
			} else {
				key.pa, key.pb = dport, sport
				copy(key.a[:], ip4.DstIP)
				copy(key.b[:], ip4.SrcIP)
			}
			if found = flows4[key]; found == nil {
				found = new(totals)
				flows4[key] = found
			}
		case 6:
			key := key6{pa: sport, pb: dport, proto: proto}
			if first(ip6.SrcIP, ip6.DstIP, sport, dport) {
				copy(key.a[:], ip6.SrcIP)
				copy(key.b[:], ip6.DstIP)
			} else {
				key.pa, key.pb = dport, sport
				copy(key.a[:], ip6.DstIP)
				copy(key.b[:], ip6.SrcIP)
			}
			if found = flows6[key]; found == nil {
				found = new(totals)
				flows6[key] = found
			}
		default:
			others++
			continue
		}
		found.packets++
		found.bytes += uint64(info.Length)
	}
	fmt.Printf("%d packets, %d flows, %d packets in none\n", packets, len(flows4)+len(flows6), others)
	return nil
}

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(args []string) error {
	switch {
	case len(args) == 1:
		file, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer file.Close()
		reader, err := pcapgo.NewReader(bufio.NewReaderSize(file, 1<<20))
		if err != nil {
			return err
		}
		return run(reader)
	case len(args) == 2 && args[0] == "libpcap":
		handle, err := pcap.OpenOffline(args[1])
		if err != nil {
			return err
		}
		defer handle.Close()
		return run(handle)
	case len(args) == 2 && args[0] == "live":
		return count(args[1])
	case len(args) == 3 && args[0] == "delay":
		frames, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return delay(args[1], frames)
	case len(args) == 3 && args[0] == "write":
		return record(args[1], args[2])
	default:
		return errors.New("usage: gopacket FILE | libpcap FILE | live INTERFACE | write INTERFACE FILE | delay INTERFACE FRAMES")
	}
}
