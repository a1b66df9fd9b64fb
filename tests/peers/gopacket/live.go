package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/afpacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// What every receiver of the comparison is given.
const (
	blockSize = 1 << 20
	blocks    = 64
	snaplen   = 2048
)

// live is a ring of packets that ends with SIGINT.
type live struct {
	ring    *afpacket.TPacket
	stopped atomic.Bool
}

func listen(name string) (*live, error) {
	ring, err := afpacket.NewTPacket(
		afpacket.OptInterface(name),
		afpacket.OptTPacketVersion(afpacket.TPacketVersion3),
		afpacket.OptFrameSize(snaplen),
		afpacket.OptBlockSize(blockSize),
		afpacket.OptNumBlocks(blocks),
		afpacket.OptBlockTimeout(100*time.Millisecond),
		afpacket.OptPollTimeout(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	source := &live{ring: ring}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT)
	go func() {
		<-signals
		source.stopped.Store(true)
	}()
	return source, nil
}

func (source *live) ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error) {
	for {
		data, info, err := source.ring.ZeroCopyReadPacketData()
		switch {
		case err == nil:
			return data, info, nil
		case !errors.Is(err, afpacket.ErrTimeout):
			return nil, info, err
		case source.stopped.Load():
			return nil, info, io.EOF
		}
	}
}

// loss tells what the kernel counted.
func (source *live) loss() error {
	_, stats, err := source.ring.SocketStats()
	if err == nil {
		fmt.Printf("%d dropped\n", stats.Drops())
	}
	return err
}

// count counts what comes per 5-tuple.
func count(name string) error {
	source, err := listen(name)
	if err != nil {
		return err
	}
	if err := run(source); err != nil {
		return err
	}
	return source.loss()
}

// record writes what comes to a capture file.
func record(name, path string) error {
	source, err := listen(name)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(file, 1<<20)
	writer := pcapgo.NewWriter(buffer)
	if err := writer.WriteFileHeader(snaplen, layers.LinkTypeEthernet); err != nil {
		return err
	}
	var packets uint64
	for {
		data, info, err := source.ZeroCopyReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := writer.WritePacket(info, data); err != nil {
			return err
		}
		packets++
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	fmt.Printf("%d packets\n", packets)
	return source.loss()
}
