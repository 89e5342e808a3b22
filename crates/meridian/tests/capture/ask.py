"""Asks, one line for each question: the answer of whoever was reached, or the error.

usage: ask.py [UID[.GID]][<SOURCE]@ADDRESS,PORT... ; a port with a u at its end is UDP."""
import os, socket, sys


def ask(question):
    who, target = question.split("@")
    who, _, source = who.partition("<")
    address, port = target.split(",")
    if who:
        user, _, group = who.partition(".")
        os.setgroups([])
        os.setgid(int(group or user))
        os.setuid(int(user))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM if port.endswith("u") else socket.SOCK_STREAM)
    client.settimeout(3)
    if source:
        client.bind((source, 0))
    try:
        client.connect((address, int(port.rstrip("u"))))
        if port.endswith("u"):
            client.send(b"?")
        return client.recv(512).decode() or "closed"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silence"


for question in sys.argv[1:]:
    out, into = os.pipe()
    if os.fork() == 0:
        os.write(into, ask(question).encode())
        os._exit(0)
    os.wait()
    os.close(into)
    print(os.read(out, 512).decode())
    os.close(out)
