import t from 'tap'
import { describeError } from '../../core/errors.ts'
import { decodeHeadLimits, decodeHttp2KeepAlive, decodeTcpKeepAlive } from './decode-protocol-options.ts'
import { Scope } from './scope.ts'

/** What was decoded, or what is wrong with it. */
function told<T>(decode: (at: Scope) => T): T | readonly string[] {
  const scope = new Scope()
  const value = decode(scope)
  return scope.problems.length > 0 ? scope.problems.map(describeError) : value
}

t.test('limits of heads: what is left out is 60 KiB and 100 fields, and there are bounds', async (t) => {
  const limits = (kib?: number, count?: number) =>
    told((at) => decodeHeadLimits({ value: kib, at: at.at('kb') }, { value: count, at: at.at('count') }))
  t.same(limits(), { maxBytes: 61_440, maxFields: 100 })
  t.same(limits(8192, 10_000), { maxBytes: 8_388_608, maxFields: 10_000 })
  t.same(limits(0, 1), ['kb: must be from 1 to 8192'])
  t.same(limits(8193), ['kb: must be from 1 to 8192'])
  t.same(limits(1, 0), ['count: must be from 1 to 10000'])
  t.same(limits(1, 10_001), ['count: must be from 1 to 10000'])
})

t.test('PINGs of HTTP/2', async (t) => {
  const pings = (connectionKeepalive?: { interval?: number; timeout?: number }) =>
    told((at) => decodeHttp2KeepAlive(connectionKeepalive && { connectionKeepalive }, at))
  t.equal(pings(), undefined)
  t.same(pings({ interval: 30_000, timeout: 2000 }), { intervalMs: 30_000, timeoutMs: 2000 })
  t.same(pings({ interval: 99, timeout: 2000 }), ['connection_keepalive.interval: must be at least 0.1s'])
  t.same(pings({ interval: 2000, timeout: 0 }), ['connection_keepalive.timeout: must be at least 0.1s'])
})

t.test('keepalive of TCP: each part has its default', async (t) => {
  const tcp = (tcpKeepalive?: object) =>
    told((at) => decodeTcpKeepAlive(tcpKeepalive && { tcpKeepalive }, at))
  const preset = { idleMs: 3000, intervalMs: 1000, probes: 10 }
  t.same(tcp(), preset)
  t.same(tcp({}), preset)
  t.same(tcp({ keepaliveTime: 60, keepaliveProbes: 3 }), { idleMs: 60_000, intervalMs: 1000, probes: 3 })
  t.same(tcp({ keepaliveInterval: 32_768 }), ['tcp_keepalive.keepalive_interval: must be from 1 to 32767'])
  t.same(tcp({ keepaliveTime: 0 }), ['tcp_keepalive.keepalive_time: must be from 1 to 32767'])
  t.same(tcp({ keepaliveProbes: 128 }), ['tcp_keepalive.keepalive_probes: must be from 1 to 127'])
})
