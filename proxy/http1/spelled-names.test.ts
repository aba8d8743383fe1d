import t from 'tap'
import { HEAD_LIMITS } from '../http/head-limits.ts'
import { parseRequestHead, type ParsedRequest } from './request-head.ts'

function parse(...lines: string[]): ParsedRequest | undefined {
  const bytes = Buffer.from(`POST / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return parseRequestHead(bytes, 0, bytes.length, 'http', HEAD_LIMITS)
}

/** More names than are remembered, so that every other one is read anew each time. */
function exhaust(): void {
  for (let i = 0; i < 600; i++) parse('host: a', `x-Name-${i}: 1`)
}

for (const known of ['while there is room for names', 'without room for another name']) {
  t.test(`a name means the same however it is spelled, ${known}`, async (t) => {
    if (known.startsWith('without')) exhaust()
    for (let round = 0; round < 2; round++) {
      const parsed = parse(
        'hOsT: shop',
        'cOnNeCtIoN: close, x-hOp',
        'tE: trailers',
        'X-HoP: 1',
        'ExPecT: 100-continue',
      )
      t.match(parsed, { keepAlive: false, expectContinue: true, head: { authority: 'shop' } })
      t.same(parsed?.head.fields, ['te', 'trailers', 'expect', '100-continue'])
      t.equal(parse('HoSt: a', 'tRaNsFeR-eNcOdInG: chunked')?.chunked, true)
      t.equal(parse('HoSt: a', 'cOnTeNt-lEnGtH: 5')?.contentLength, 5)
      t.throws(() => parse('HoSt: a', 'tRaNsFeR-eNcOdInG: chunked', 'cONTENT-lENGTH: 5'), {
        code: 'two_lengths',
      })
      t.throws(() => parse('HoSt: a', 'hOST: b'), { code: 'repeated_host' })
      t.same(parse('HoSt: a', 'x-WeFt-sPeLlInG: X-A', 'pRoXy-cOnNeCtIoN: x', 'x-A: 1')?.head.fields, [
        'x-a',
        '1',
      ])
    }
  })
}

t.test('heads that are written alike share one spelling, others do not', async (t) => {
  const spelling = (...lines: string[]) => parse(...lines)?.head.spelling
  t.equal(spelling('host: a', 'accept: b'), undefined)
  const first = spelling('Host: a', 'Accept: b')
  t.equal(spelling('Host: c', 'Accept: d'), first)
  t.not(spelling('Host: a', 'accept: b'), first)
  t.equal(spelling('Host: a', 'accept: b')?.text, 'Host')
  t.equal(first?.text, 'Host,Accept')
})
