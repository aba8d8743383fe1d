import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { serveHttp1 } from '../../proxy/http1/server.ts'
import { countedBuffer } from './check/counted-buffer.ts'
import { checkRandomBytes } from './check/random-bytes.ts'
import { SEEDS } from './seeds.ts'
import { StillDeadlines } from './view/still-clock.ts'
import { Wire } from './view/wire.ts'

const STREAMS = 500
const noise = fc.uint8Array({ minLength: 1, maxLength: 400 })

for (const seed of SEEDS) {
  t.test('random bytes neither throw nor loop, and leave no timer', async (t) => {
    t.comment(`seed ${seed} (WEFT_SEED=${seed} repeats it), ${STREAMS} streams`)
    const failures: string[] = []
    for (const [i, bytes] of fc.sample(noise, { numRuns: STREAMS, seed }).entries()) {
      for (const one of checkRandomBytes(Buffer.from(bytes), seed + i))
        failures.push(`${one}\n  ${JSON.stringify(Buffer.from(bytes).toString('latin1'))}`)
    }
    t.same(failures.slice(0, 3), [])
  })
}

t.test('an endless loop over a chunk ends', async (t) => {
  const bytes = countedBuffer(Buffer.from('abc'))
  t.equal(bytes[1], 98)
  t.equal(bytes.subarray(1).toString(), 'bc')
  t.throws(() => {
    for (let at = 0; at < bytes.length;);
  }, /endless loop/)
})

t.test('a connection that ended in noise is garbage', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const deadlines = new StillDeadlines()
  const starts = [
    '',
    'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nX: ',
  ]
  const left = fc.sample(noise, { numRuns: 100, seed: SEEDS[0] as number }).map((bytes, i) => {
    const wire = new Wire()
    const reader = { onData() {}, onEnd() {}, onReset() {}, onWritable() {} }
    serveHttp1(wire, { onRequest: () => reader, onRefused() {}, onClose() {} }, { deadlines })
    wire.feed(Buffer.from(starts[i % starts.length] as string))
    wire.feed(bytes)
    wire.close()
    return new WeakRef(wire.reader)
  })
  // A WeakRef holds what it was made for until the turn ends.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  t.equal(left.filter((ref) => ref.deref() !== undefined).length, 0)
  t.equal(deadlines.open, 0)
})
