"""Recording without decoding: RTP packets into a file, as they were encoded.

`reorder` puts packets in order, `payloads` and `frames` make frames of them,
`timeline` says when each frame is, `container` writes, and `recording` joins the four.
Nothing here knows where packets come from: `node` feeds it from inside the process,
`client` over WHEP.
"""
