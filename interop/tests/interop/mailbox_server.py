"""A rendezvous server of magic-wormhole, on a port that the system chooses and that is printed."""
from twisted.internet import endpoints, reactor
from wormhole_mailbox_server.database import create_channel_db
from wormhole_mailbox_server.server import make_server
from wormhole_mailbox_server.web import make_web_server

site = make_web_server(make_server(create_channel_db(":memory:")), False)
listening = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(site)
listening.addCallback(lambda port: print(port.getHost().port, flush=True))
reactor.run()
