import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial } from './testing/raw-http.ts'

// A client that ends its side before a server has said anything loses neither what it sent nor the answer, whoever
// speaks first: opaque, or through a listener that looks at first bytes; to a sidecar, or in plaintext to no sidecar.

/** When a server says its only word, about what it was sent: at once, at the client's FIN, or never. */
const SPEAKS = { first: 'banner', last: 'after the FIN', never: '' } as const
const WAYS = { opaque: {}, inspected: { inspect: true }, plaintext: { inspect: true, direct: true } } as const
let pair: Pair
/** What a server was sent to the FIN. */
const heard: string[] = []
let told: () => void

function serve(speaks: keyof typeof SPEAKS): (socket: Socket) => void {
  return (socket) => {
    let text = ''
    if (speaks === 'first') socket.write(SPEAKS.first)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => void (text += String(chunk)))
    socket.on('end', () => {
      heard.push(text)
      told()
      socket.end(speaks === 'last' ? SPEAKS.last : '')
    })
  }
}

t.before(async () => {
  const paths = []
  for (const speaks of Object.keys(SPEAKS) as (keyof typeof SPEAKS)[]) {
    const server = createServer({ allowHalfOpen: true }, serve(speaks))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => server.close())
    for (const [way, options] of Object.entries(WAYS))
      paths.push({
        name: `${way}-${speaks}`,
        kind: way === 'opaque' ? 'tcp' : 'http',
        app: portOf(server),
        ...options,
      } as const)
  }
  pair = await startPair(t, paths)
})

for (const way of Object.keys(WAYS))
  for (const [speaks, says] of Object.entries(SPEAKS))
    for (const sent of ['', 'hello', 'GET']) {
      t.test(`${way}, a server that speaks ${speaks}, ${sent || 'nothing'} and a FIN`, async (t) => {
        const arrived = new Promise<void>((resolve) => (told = resolve))
        const client = await dial(pair.port(`${way}-${speaks}`))
        client.end(sent)
        t.equal(await client.untilEnd(), says)
        await arrived
        t.same(heard.splice(0), [sent])
      })
    }
