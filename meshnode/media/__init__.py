"""The media port: one UDP socket, ICE-lite, DTLS, SRTP and the planes behind them."""
