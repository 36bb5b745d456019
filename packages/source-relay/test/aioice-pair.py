"""Two ICE agents that only a TURN server connects: `aioice-pair.py HOST PORT TRANSPORT`; `tls` accepts any certificate."""
import asyncio
import ssl
import sys

import aioice

HOST, PORT, TRANSPORT = sys.argv[1], int(sys.argv[2]), sys.argv[3]
MESSAGES = 50


def agent(controlling: bool) -> aioice.Connection:
    return aioice.Connection(
        ice_controlling=controlling,
        turn_server=(HOST, PORT),
        turn_username="lab",
        turn_password="secret",
        turn_ssl=UNVERIFIED if TRANSPORT == "tls" else False,
        turn_transport="udp" if TRANSPORT == "udp" else "tcp",
        transport_policy=aioice.ice.TransportPolicy.RELAY,
    )


UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


async def main() -> None:
    a, b = agent(True), agent(False)
    await asyncio.gather(a.gather_candidates(), b.gather_candidates())
    for one, other in ((a, b), (b, a)):
        for candidate in other.local_candidates:
            assert candidate.type == "relay", candidate
            await one.add_remote_candidate(candidate)
        await one.add_remote_candidate(None)
        one.remote_username, one.remote_password = other.local_username, other.local_password
    await asyncio.gather(a.connect(), b.connect())
    for number in range(MESSAGES):
        text = b"%d " % number + b"x" * number * 20
        await a.send(text)
        await b.send(await b.recv())
        assert await asyncio.wait_for(a.recv(), 5) == text
    print(f"{MESSAGES} there and back")
    await asyncio.gather(a.close(), b.close())


asyncio.run(asyncio.wait_for(main(), 20))
