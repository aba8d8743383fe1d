import t from 'tap'
import { MAX_EARLY_TUNNEL_BYTES } from './limits.ts'
import { GET, OK, start } from './testing/client-rig.ts'
import { SeenResponse } from './testing/recorders.ts'

t.test('upgrade: raw both ways, early bytes wait for the 101', async (t) => {
  const { transport, connection } = start()
  const seen = new SeenResponse()
  const stream = connection.open({ ...GET, upgrade: 'websocket' }, false, seen)
  transport.take()
  t.equal(stream.data(Buffer.from('early')), false)
  t.equal(transport.take(), '')
  transport.feed(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nx: y\r\n\r\nraw',
  )
  t.match(seen, { head: { status: 101, fields: ['x', 'y'] }, body: 'raw', writable: 1 })
  t.equal(transport.take(), 'early')
  stream.data(Buffer.from('more'))
  stream.end(undefined)
  t.equal(transport.take(), 'more')
  t.equal(transport.ended, true)
  transport.feed('!')
  transport.feedEnd()
  t.match(seen, { body: 'raw!', ended: true, reset: undefined })
  t.match(connection, { free: 0, active: 0, closed: true })
})

t.test('upgrade: whoever hears of the tunnel may use it at once, also to its end', async (t) => {
  const { transport, connection } = start()
  const seen = new SeenResponse()
  const stream = connection.open({ ...GET, upgrade: 'websocket' }, false, {
    onInformational: (head) => seen.onInformational(head),
    onHead(head, end) {
      seen.onHead(head, end)
      stream.data(Buffer.from('ahead'))
      stream.end(undefined)
    },
    onData: (chunk) => seen.onData(chunk),
    onEnd: (trailers) => seen.onEnd(trailers),
    onReset: (reason, detail) => seen.onReset(reason, detail),
    onWritable: () => seen.onWritable(),
  })
  transport.take()
  stream.data(Buffer.from('early '))
  transport.feed('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n')
  t.equal(transport.take(), 'early ahead')
  t.equal(transport.ended, true)
  transport.feed('raw')
  transport.feedEnd()
  t.match(seen, { head: { status: 101 }, body: 'raw', ended: true, reset: undefined })
})

t.test('upgrade refused: the answer is an ordinary one and nothing of the tunnel is sent', async (t) => {
  const { transport, connection } = start()
  const seen = new SeenResponse()
  const stream = connection.open({ ...GET, upgrade: 'websocket' }, false, seen)
  transport.take()
  stream.data(Buffer.from('early'))
  transport.feed(OK)
  stream.data(Buffer.from('more'))
  stream.end(undefined)
  t.match(seen, { body: 'ok', ended: true })
  t.equal(transport.take(), '')
  t.equal(connection.free, 1)
})

t.test('CONNECT', async (t) => {
  const connect = { ...GET, method: 'CONNECT', authority: 'a:1', path: '' }
  {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    const stream = connection.open(connect, false, seen)
    transport.feed('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nraw bytes')
    t.match(seen, { body: 'raw bytes', ended: false })
    transport.feedEnd()
    t.equal(seen.ended, true)
    t.equal(connection.active, 1, 'our half may go on')
    stream.end(undefined)
    t.match(connection, { active: 0, closed: true })
  }
  {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    connection.open(connect, false, seen)
    transport.feed('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
    t.equal(seen.ended, true)
    t.equal(connection.closed, true)
  }
  {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    const stream = connection.open(connect, false, seen)
    stream.data(Buffer.alloc(MAX_EARLY_TUNNEL_BYTES))
    t.equal(seen.reset, undefined)
    stream.data(Buffer.alloc(1))
    t.equal(seen.reset, 'protocol')
    t.equal(transport.destroyed, true)
  }
})
