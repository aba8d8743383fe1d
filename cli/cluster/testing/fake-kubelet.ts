import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'

export interface FakeKubelet {
  /** What was asked: paths, and by which `Authorization`. */
  readonly asked: { readonly url: string | undefined; readonly authorization: string | undefined }[]
  /** Why connections are refused from now on, as a kubelet says it of a port that nobody listens on. */
  refusal: string | undefined
  /** Takes an upgrade of an HTTP server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** The API server's and the kubelet's part of a port-forward: what comes on the data channel goes to `port` of 127.0.0.1. */
export function fakeKubelet(t: Test, port: number): FakeKubelet {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v4.channel.k8s.io' })
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
  })
  const kubelet: FakeKubelet = {
    asked: [],
    refusal: undefined,
    upgrade(request, socket, head) {
      kubelet.asked.push({ url: request.url, authorization: request.headers.authorization })
      sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request))
    },
  }
  sockets.on('connection', (socket) => {
    for (const channel of [0, 1]) socket.send(Buffer.of(channel, port & 0xff, port >> 8))
    const { refusal } = kubelet
    if (refusal !== undefined) return socket.send(Buffer.concat([Buffer.of(1), Buffer.from(refusal)]))
    const upstream = connect(port, '127.0.0.1')
    upstream.on('data', (chunk: Buffer) => socket.send(Buffer.concat([Buffer.of(0), chunk])))
    upstream.on('close', () => socket.close())
    socket.on('message', (message: Buffer) => message[0] === 0 && upstream.write(message.subarray(1)))
    socket.on('close', () => upstream.destroy())
  })
  return kubelet
}
