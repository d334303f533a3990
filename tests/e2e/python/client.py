"""python-socketio's client, driven by lines of JSON: what to do comes on stdin, what happened goes to stdout.

usage: client.py URL NAMESPACE OPTIONS    with OPTIONS as JSON: {"auth": …, "transports": […], "headers": {…}}
"""

import json
import sys
import threading

import socketio

lock = threading.Lock()


def tell(**what):
    with lock:
        print(json.dumps(what), flush=True)


def main(url, namespace, options):
    client = socketio.Client(reconnection=False)

    @client.on("connect", namespace=namespace)
    def connected():
        engine = {"pingInterval": client.eio.ping_interval * 1000, "pingTimeout": client.eio.ping_timeout * 1000}
        tell(event="connect", args=[], id=client.get_sid(namespace), transport=client.transport(), engine=engine)

    @client.on("connect_error", namespace=namespace)
    def refused(error):
        tell(event="connect_error", args=[error])

    @client.on("disconnect", namespace=namespace)
    def disconnected(reason):
        tell(event="disconnect", args=[reason])

    @client.on("*", namespace=namespace)
    def happened(event, *args):
        tell(event=event, args=args)

    try:
        client.connect(url, namespaces=[namespace], **options)
    except socketio.exceptions.ConnectionError as error:
        # A namespace that refuses has been told already; this is for a server that is not there, too.
        tell(failed=str(error))
    for line in sys.stdin:
        # A question waits for its answer; the next command does not.
        threading.Thread(target=obey, args=(client, namespace, json.loads(line)), daemon=True).start()
    client.disconnect()


def obey(client, namespace, command):
    if command["do"] == "disconnect":
        client.disconnect()
        return
    name, data, ticket = command["event"], tuple(command["args"]), command.get("ticket")
    if ticket is None:
        client.emit(name, data, namespace=namespace)
    elif command.get("timeout") is None:
        client.emit(name, data, namespace=namespace, callback=lambda *args: tell(ticket=ticket, args=args))
    else:
        try:
            tell(ticket=ticket, args=[client.call(name, data, namespace=namespace, timeout=command["timeout"])])
        except socketio.exceptions.TimeoutError:
            tell(ticket=ticket, timeout=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
