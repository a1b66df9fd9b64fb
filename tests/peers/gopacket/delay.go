package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"syscall"
	"time"

	"github.com/google/gopacket/pcapgo"
)

// Where the number and the time stand in a frame that is sent.
const (
	stampAt  = 14
	frameLen = 64
)

// delay sends a frame a millisecond through an interface, with the time in it, and reads a capture from standard input: it tells how
// long they took from the one to the other.
func delay(name string, frames int) error {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	// Whoever captures has to be ready.
	time.Sleep(time.Second)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		frame := make([]byte, frameLen)
		copy(frame, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5})
		for range make([]struct{}, frames) {
			time.Sleep(time.Millisecond)
			binary.BigEndian.PutUint64(frame[stampAt:], uint64(time.Now().UnixNano()))
			if err := syscall.Sendto(socket, frame, 0, &syscall.SockaddrLinklayer{Ifindex: link.Index}); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	received := make(chan time.Duration, frames)
	go receive(received)
	var delays []time.Duration
	var late <-chan time.Time
	for waiting := true; waiting && len(delays) < frames; {
		select {
		case one, more := <-received:
			if waiting = more; more {
				delays = append(delays, one)
			}
		case <-sent:
			sent, late = nil, time.After(time.Second)
		case <-late:
			waiting = false
		}
	}
	sort.Slice(delays, func(a, b int) bool { return delays[a] < delays[b] })
	if len(delays) == 0 {
		return fmt.Errorf("nothing came")
	}
	at := func(part float64) time.Duration { return delays[int(part*float64(len(delays)-1))] }
	fmt.Printf("%d frames: %v median, %v at the 99th percentile, %v at most\n", len(delays), at(0.5), at(0.99), at(1))
	return nil
}

// receive reads a capture from standard input and gives how long each frame took.
func receive(received chan<- time.Duration) {
	defer close(received)
	reader, err := pcapgo.NewReader(bufio.NewReader(os.Stdin))
	for err == nil {
		var data []byte
		if data, _, err = reader.ReadPacketData(); err == nil && len(data) == frameLen {
			sent := int64(binary.BigEndian.Uint64(data[stampAt:]))
			received <- time.Duration(time.Now().UnixNano() - sent)
		}
	}
	if err != io.EOF {
		fmt.Fprintln(os.Stderr, err)
	}
}
