import t from 'tap'
import type { RequestHead } from '../http/message.ts'
import { newSpanId, newTraceId, readTrace, writeTrace, writeTry } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

function head(...fields: string[]): RequestHead {
  return { method: 'GET', scheme: 'http', authority: 'a', path: '/', fields, upgrade: '' }
}

t.test('traceparent: valid, later versions, and everything that restarts the trace', async (t) => {
  t.match(
    readTrace(head('traceparent', `00-${TRACE}-${SPAN}-01`, 'tracestate', 'a=1', 'tracestate', 'b=2')),
    {
      traceId: TRACE,
      parentSpanId: SPAN,
      sampled: true,
      traceState: 'a=1,b=2',
    },
  )
  t.match(readTrace(head('traceparent', `00-${TRACE}-${SPAN}-00`)), { sampled: false })
  t.match(readTrace(head('traceparent', `01-${TRACE}-${SPAN}-03-more`)), { traceId: TRACE, sampled: true })
  const bad = [
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    '',
  ]
  for (const value of bad) t.equal(readTrace(head('traceparent', value)), undefined, value)
  t.equal(
    readTrace(head('traceparent', `00-${TRACE}-${SPAN}-01`, 'traceparent', `00-${TRACE}-${SPAN}-01`)),
    undefined,
  )
})

t.test('B3 in one header and in several, with 64-bit trace ids', async (t) => {
  t.match(readTrace(head('b3', `${TRACE}-${SPAN}-1`)), { traceId: TRACE, sampled: true, form: 'b3' })
  t.match(readTrace(head('b3', `${SPAN}-${SPAN}`)), {
    traceId: `${'0'.repeat(16)}${SPAN}`,
    sampled: undefined,
  })
  t.match(readTrace(head('x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-sampled', '0')), {
    sampled: false,
    form: 'b3multi',
  })
  t.match(readTrace(head('b3', '0')), { traceId: '', sampled: false, form: 'b3' })
  t.match(readTrace(head('x-b3-sampled', '0')), { traceId: '', sampled: false, form: 'b3multi' })
  t.match(readTrace(head('x-b3-flags', '1')), { traceId: '', sampled: true, form: 'b3multi' })
  // A value is no name.
  t.equal(readTrace(head('x-note', 'b3', 'x-other', 'traceparent')), undefined)
  t.equal(readTrace(head('x-b3-traceid', 'zz', 'x-b3-spanid', SPAN)), undefined)
})

t.test('what goes on names the new span, in the form that came as well', async (t) => {
  const request = head('b3', `${TRACE}-${SPAN}-1`)
  const incoming = readTrace(request)
  writeTrace(request, TRACE, 'c'.repeat(16), true, incoming)
  t.same(request.fields, [
    'b3',
    `${TRACE}-${'c'.repeat(16)}-1`,
    'traceparent',
    `00-${TRACE}-${'c'.repeat(16)}-01`,
  ])
  t.not(newTraceId(), newTraceId())
  t.match(newSpanId(), /^[0-9a-f]{16}$/)
})

t.test('what its caller decided not to sample passes as it came, whatever the form', async (t) => {
  for (const fields of [
    ['traceparent', `01-${TRACE}-${SPAN}-02-more`, 'tracestate', 'a=1'],
    ['traceparent', `00-${TRACE}-${SPAN}-00`],
    ['b3', `${TRACE}-${SPAN}-0`],
    ['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-sampled', '0', 'x-b3-parentspanid', SPAN],
  ]) {
    const request = head(...fields)
    writeTrace(request, TRACE, SPAN, false, readTrace(request))
    t.same(request.fields, fields)
  }
})

t.test('that an identifier is random, and that B3 is to debug, is told to whoever follows', async (t) => {
  const mine = 'c'.repeat(16)
  const w3c = head('traceparent', `00-${TRACE}-${SPAN}-03`, 'tracestate', 'a=1', 'b3', `${TRACE}-${SPAN}-1`)
  writeTrace(w3c, TRACE, mine, true, readTrace(w3c))
  t.same(w3c.fields, [
    'traceparent',
    `00-${TRACE}-${mine}-03`,
    'tracestate',
    'a=1',
    'b3',
    `${TRACE}-${mine}-1`,
  ])
  const b3 = head('b3', `${TRACE}-${SPAN}-d`)
  writeTrace(b3, TRACE, mine, true, readTrace(b3))
  t.same(b3.fields, ['b3', `${TRACE}-${mine}-d`, 'traceparent', `00-${TRACE}-${mine}-01`])
})

t.test('a further try takes the place of the span before it, in each form', async (t) => {
  const [hop, first, second] = ['a'.repeat(16), 'b'.repeat(16), 'c'.repeat(16)]
  const multi = ['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-sampled', '1']
  const request = head('traceparent', `00-${TRACE}-${SPAN}-03`, 'b3', `${TRACE}-${SPAN}-1`, ...multi)
  writeTrace(request, TRACE, first, true, readTrace(request))
  writeTry(request, second, hop)
  t.same(request.fields, [
    'traceparent',
    `00-${TRACE}-${second}-03`,
    'b3',
    `${TRACE}-${second}-1`,
    'x-b3-traceid',
    TRACE,
    'x-b3-spanid',
    second,
    'x-b3-sampled',
    '1',
    'x-b3-parentspanid',
    hop,
  ])
  const bare = head()
  writeTry(bare, second, hop)
  t.same(bare.fields, [], 'a route has taken it away')
})
