import fc from 'fast-check'
import t from 'tap'
import { formatGrpcTimeout, grpcTimeoutMs } from './grpc-timeout.ts'

const read = (value: string): number | undefined => grpcTimeoutMs(['te', 'trailers', 'grpc-timeout', value])

t.test('every unit of the specification', async (t) => {
  t.strictSame(
    ['2H', '3M', '4S', '5m', '500u', '250000n', '0m', '99999999H'].map(read),
    [7_200_000, 180_000, 4000, 5, 0.5, 0.25, 0, 359_999_996_400_000],
  )
})

t.test('what is no timeout counts as none', async (t) => {
  for (const value of ['', '1', 'S', '1s', '-1S', '1.5S', '123456789m', ' 1S', '1S ', '1S2'])
    t.equal(read(value), undefined, value)
  t.equal(grpcTimeoutMs([]), undefined)
})

t.test('what is passed on is never longer, and shorter by less than its unit', async () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 9e10, noNaN: true }), (ms) => {
      const back = read(formatGrpcTimeout(ms)) ?? -1
      return back <= ms * (1 + 1e-12) && ms - back <= Math.max(0.001001, ms * 1e-5)
    }),
  )
})

t.test('a deadline that has passed is still a positive number', async (t) => {
  t.equal(formatGrpcTimeout(-5), '1u')
})
