"""How large what is recorded may be. What is longer is cut or refused where it is made, and said so."""

LOG_MESSAGE_CHARACTERS_MAX = 25_000
STATE_MESSAGE_CHARACTERS_MAX = 4_000
NAME_CHARACTERS_MAX = 500
EVENT_PAYLOAD_BYTES_MAX = 65_536
ARTIFACT_BYTES_MAX = 1_048_576
UPSTREAMS_MAX = 1_000
