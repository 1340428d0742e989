"""The one encoding of what nodes send and observe: what travels, what is hashed, and what a link's bandwidth counts."""

from __future__ import annotations

import msgspec

encode = msgspec.msgpack.Encoder(order="deterministic").encode
CANNOT_ENCODE = (TypeError, OverflowError, ValueError, RecursionError, msgspec.MsgspecError)
WHAT_CAN_BE_ENCODED = "use int (64 bit), str, bytes, bool, float, None, Messages and tuples of these"
