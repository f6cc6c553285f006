"""Session descriptions: read what clients write, answer from our own templates.

`offer.read(body)` gives an `Offer` (or `DecodeError`); `publish.answer`, `play.answer`
and `conference.answer` answer it; `counteroffer` writes offers of ours and reads the
answers to them; `fragment` is for trickle and ICE restart over HTTP PATCH.
"""
