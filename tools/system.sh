#!/bin/sh
# Install the Debian packages that a group of tests needs: browser, interop or network.
# As root by apt; otherwise say the one line to type.  Only what is missing is asked for:
# a Node.js from elsewhere brings npm with it and refuses Debian's.
set -eu
gstreamer="gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-nice gstreamer1.0-libav
    python3-gst-1.0 gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0"

# program:package
case "${1-}" in
    browser) wanted="chromium:chromium" ;;
    network) wanted="chromium:chromium nft:nftables ip:iproute2
                     miniupnpd:miniupnpd-nftables" ;;
    interop) wanted="chromium:chromium nft:nftables ip:iproute2 firefox-esr:firefox-esr
                     npm:npm ffprobe:ffmpeg" ;;
    *) echo "usage: $0 browser|network|interop" >&2; exit 2 ;;
esac

missing=""
for pair in $wanted; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 ||
        missing="$missing ${pair#*:}"
done
[ "$1" != interop ] || {
    command -v gst-launch-1.0 >/dev/null 2>&1 && /usr/bin/python3 -c \
        'import gi; gi.require_version("GstWebRTC", "1.0")' 2>/dev/null
} || missing="$missing $(echo $gstreamer)"
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Debian packages for $1:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null || true
    $install $missing >/dev/null && exit 0
    # one that cannot be had must not keep the others away
    for package in $missing; do
        $install "$package" >/dev/null 2>&1 || echo "could not install $package" >&2
    done
    echo "not everything could be installed; the tests will say what they miss" >&2
else
    echo "missing; to install, type: sudo $install$missing" >&2
fi
