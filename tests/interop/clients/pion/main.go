// Pion, WebRTC in Go: sends RTP made by FFmpeg, hands received RTP on.
//
// The command line and the output are those of door.mjs.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

var mimeTypes = map[string]string{
	"vp8":  webrtc.MimeTypeVP8,
	"vp9":  webrtc.MimeTypeVP9,
	"h264": webrtc.MimeTypeH264,
	"av1":  webrtc.MimeTypeAV1,
}

type options struct{ action, url, codec, key string }

func parse(words []string) options {
	found := options{action: words[0], url: words[1], codec: "vp8"}
	for i := 2; i+1 < len(words); i++ {
		switch words[i] {
		case "--codec":
			found.codec = words[i+1]
		case "--key":
			found.key = words[i+1]
		}
	}
	return found
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func send(method, target, body, key string) (*http.Response, error) {
	request, err := http.NewRequest(method, target, bytes.NewBufferString(body))
	must(err)
	request.Header.Set("Content-Type", "application/sdp")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	return http.DefaultClient.Do(request)
}

// post returns the answer and the session's URL; while nobody publishes (409), again.
func post(endpoint, offer, key string) (string, string) {
	for tries := 0; ; tries++ {
		response, err := send(http.MethodPost, endpoint, offer, key)
		must(err)
		text, err := io.ReadAll(response.Body)
		must(err)
		_ = response.Body.Close()
		if response.StatusCode == http.StatusCreated {
			base, _ := url.Parse(endpoint)
			session, err := base.Parse(response.Header.Get("Location"))
			must(err)
			return string(text), session.String()
		}
		if response.StatusCode != http.StatusConflict || tries > 8 {
			log.Fatalf("%d %s", response.StatusCode, text)
		}
		time.Sleep(time.Second)
	}
}

func connect(pc *webrtc.PeerConnection, o options) string {
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	offer, err := pc.CreateOffer(nil)
	must(err)
	gathered := webrtc.GatheringCompletePromise(pc)
	must(pc.SetLocalDescription(offer))
	<-gathered
	answer, session := post(o.url, pc.LocalDescription().SDP, o.key)
	must(pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	select {
	case <-connected:
	case <-time.After(15 * time.Second):
		log.Fatal("not connected")
	}
	return session
}

func listen() *net.UDPConn {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	return socket
}

func forward(socket *net.UDPConn, track *webrtc.TrackLocalStaticRTP) {
	buffer := make([]byte, 1600)
	for {
		size, err := socket.Read(buffer)
		if err != nil {
			return
		}
		_, _ = track.Write(buffer[:size])
	}
}

func publish(pc *webrtc.PeerConnection, o options) {
	var ports []string
	kinds := []struct{ mime, id string }{{mimeTypes[o.codec], "video"}, {webrtc.MimeTypeOpus, "audio"}}
	for _, kind := range kinds {
		capability := webrtc.RTPCodecCapability{MimeType: kind.mime}
		track, err := webrtc.NewTrackLocalStaticRTP(capability, kind.id, "interop")
		must(err)
		direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
		_, err = pc.AddTransceiverFromTrack(track, direction)
		must(err)
		socket := listen()
		ports = append(ports, fmt.Sprint(socket.LocalAddr().(*net.UDPAddr).Port))
		go forward(socket, track)
	}
	session := connect(pc, o)
	fmt.Println("live", strings.Join(ports, " "))
	finish(session, o.key)
}

func play(pc *webrtc.PeerConnection, o options) {
	var output sync.Mutex
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buffer := make([]byte, 1600)
		for {
			size, _, err := track.Read(buffer)
			if err != nil {
				return
			}
			head := []byte{track.Kind().String()[0], 0, 0}
			binary.BigEndian.PutUint16(head[1:], uint16(size))
			output.Lock()
			_, _ = os.Stdout.Write(append(head, buffer[:size]...))
			output.Unlock()
		}
	})
	direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := pc.AddTransceiverFromKind(kind, direction)
		must(err)
	}
	finish(connect(pc, o), "")
}

func finish(session, key string) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	if response, err := send(http.MethodDelete, session, "", key); err == nil {
		_ = response.Body.Close()
	}
}

func main() {
	o := parse(os.Args[1:])
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	media := &webrtc.MediaEngine{}
	must(media.RegisterDefaultCodecs())
	repair := &interceptor.Registry{}
	must(webrtc.RegisterDefaultInterceptors(media, repair))
	api := webrtc.NewAPI(
		webrtc.WithSettingEngine(settings),
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(repair),
	)
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	must(err)
	defer func() { _ = pc.Close() }()
	if o.action == "publish" {
		publish(pc, o)
	} else {
		play(pc, o)
	}
}
