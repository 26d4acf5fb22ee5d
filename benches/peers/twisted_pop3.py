"""A POP3 server as Twisted's own documentation makes one: Maildirs, USER and PASS, TLS.

Called by the benchmark with the directory of Maildirs, a certificate and its key.
"""

import os
import sys

from twisted.cred import checkers, credentials, portal
from twisted.internet import defer, reactor
from twisted.internet.protocol import ServerFactory
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.mail import maildir, pop3
from zope.interface import implementer

MAILDIRS, CERTIFICATE, KEY = sys.argv[1:4]


class Mailbox(maildir.MaildirMailbox):
    """What the library has, but for what mixes text and octets in it."""

    def getMessage(self, index):
        return open(self.list[index], "rb")

    def deleteMessage(self, index):
        self.deleted[self.list[index]] = index
        self.list[index] = 0

    def sync(self):
        for path in self.deleted:
            os.remove(path)
        self.deleted.clear()


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, avatar, mind, *interfaces):
        name = avatar.decode() if isinstance(avatar, bytes) else avatar
        # It mixes its own octets with the path, so the path has to be octets as well.
        mailbox = Mailbox(f"{MAILDIRS}/{name}".encode())
        return pop3.IMailbox, mailbox, lambda: None


@implementer(checkers.ICredentialsChecker)
class Checker:
    credentialInterfaces = (credentials.IUsernamePassword,)

    def requestAvatarId(self, given):
        if given.checkPassword(b"secret"):
            return defer.succeed(given.username)
        return defer.fail(checkers.UnauthorizedLogin())


class Factory(ServerFactory):
    noisy = False

    def buildProtocol(self, address):
        protocol = pop3.POP3()
        protocol.portal = portal.Portal(Realm(), [Checker()])
        protocol.factory = self
        return protocol


factory = Factory()
plain = reactor.listenTCP(0, factory, interface="127.0.0.1", backlog=1024)
context = DefaultOpenSSLContextFactory(KEY, CERTIFICATE)
tls = reactor.listenSSL(0, factory, context, interface="127.0.0.1", backlog=1024)
for port in (plain, tls):
    print(f"listening on 127.0.0.1:{port.getHost().port}", flush=True)
reactor.run()
