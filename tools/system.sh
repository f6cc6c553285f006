#!/bin/sh
# Install the Debian packages that a group of tests needs: browser, interop or network.
# As root by apt; otherwise say the one line to type.
set -eu
gstreamer="gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-nice gstreamer1.0-libav
    python3-gst-1.0 gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0"

case "${1-}" in
    browser) wanted="chromium" probes="chromium" ;;
    network) wanted="nftables iproute2 chromium" probes="nft ip chromium" ;;
    interop) wanted="chromium firefox-esr nftables iproute2 npm $gstreamer"
             probes="chromium firefox-esr nft ip npm gst-launch-1.0" ;;
    *) echo "usage: $0 browser|network|interop" >&2; exit 2 ;;
esac

missing=""
for probe in $probes; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$probe" >/dev/null 2>&1 || missing="$missing $probe"
done
[ "$1" != interop ] || /usr/bin/python3 -c \
    'import gi; gi.require_version("GstWebRTC", "1.0")' 2>/dev/null || missing="$missing gst"
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends $(echo $wanted)"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Debian packages for $1 (missing:$missing)"
    apt-get update -q >/dev/null || true
    DEBIAN_FRONTEND=noninteractive $install >/dev/null ||
        echo "not everything could be installed; the tests will say what they miss" >&2
else
    echo "missing:$missing; to install, type: sudo $install" >&2
fi
