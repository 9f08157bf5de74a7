"""Messages of the Segment and RudderStack specs as native events; see docs/segment.md.

No value of a message is lost. The event's properties are the message's body - its `properties`; of
`identify` and `group` its `traits` - with the members that the type's schema describes written over
it, and one member `segment_message` with everything else of the message, under its own names. A
member is left out of `segment_message` only if its value stands unchanged in the envelope or in a
described property. A value of the body that was written over moves into `segment_message`.

Nothing that a sender can put into JSON raises here. A message that cannot be mapped becomes an
event that its schema refuses with a reason.
"""
