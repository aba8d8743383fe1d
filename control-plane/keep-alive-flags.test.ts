import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { describeError } from '../core/errors.ts'
import { silentLogger } from '../core/log.ts'
import { readKeepAlive, type KeepAliveFlags } from './keep-alive-flags.ts'
import { createMesh } from './mesh.ts'
import { NO_LIMITS } from './model/workload-limits.ts'
import { MemorySource } from './registry/memory-source.ts'
import { SIDECAR } from './xds/client-takes.ts'

t.test('each flag sets one of them, and none is said for nothing', async (t) => {
  t.equal(readKeepAlive({}), NO_LIMITS)
  t.same(
    readKeepAlive({
      'ping-interval': '30s',
      'ping-timeout': '8s',
      'tcp-keepalive-time': '1m',
      'tcp-keepalive-interval': '10s',
      'tcp-keepalive-probes': '5',
    }),
    {
      pingIntervalMs: 30_000,
      pingTimeoutMs: 8000,
      tcpKeepAliveMs: 60_000,
      tcpKeepAliveIntervalMs: 10_000,
      tcpKeepAliveProbes: 5,
    },
  )
})

t.test('a wrong value is told by its flag', async (t) => {
  const wrong: [KeepAliveFlags, RegExp][] = [
    [{ 'ping-interval': '10' }, /^--ping-interval: "10" must be a duration from 1s to 1h/],
    [{ 'ping-timeout': '' }, /^--ping-timeout: "" must be a duration from 1s to 10m/],
    [{ 'tcp-keepalive-time': '1500ms' }, /^--tcp-keepalive-time: "1500ms" must be whole seconds/],
    [{ 'tcp-keepalive-probes': '0' }, /^--tcp-keepalive-probes: "0" must be an integer from 1 to 127$/],
  ]
  for (const [flags, said] of wrong) {
    let told = ''
    try {
      readKeepAlive(flags)
    } catch (error) {
      told = describeError(error)
    }
    t.match(told, said)
  }
})

t.test('they hold for sidecars whose pods say nothing of it, each by itself', async (t) => {
  const golden = (file: string): string => readFileSync(join(import.meta.dirname, 'golden', file), 'utf8')
  const limits = readKeepAlive({
    'ping-timeout': '9s',
    'tcp-keepalive-time': '5s',
    'tcp-keepalive-interval': '6s',
  })
  const source = MemorySource.of(golden('base.yaml'), golden('keep-alive/manifests.yaml'))
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger, limits })
  t.teardown(() => mesh.close())
  const told = (pod: string) => {
    const client = { namespace: 'mesh', pod, takes: SIDECAR }
    const made = mesh.snapshot.value.resource('cluster', 'inbound', client)
    return made?.message.upstreamConnectionOptions?.tcpKeepalive
  }
  t.same(told('client'), { keepaliveTime: 5, keepaliveInterval: 6 })
  t.same(told('patient-a'), { keepaliveTime: 120, keepaliveInterval: 30, keepaliveProbes: 4 })
  t.same(told('eager-a'), { keepaliveTime: 5, keepaliveInterval: 6 }, 'what is wrong counts as nothing')
  const limitsOf = (pod: string) => mesh.snapshot.value.model.workloads.get(`mesh/${pod}`)?.limits
  t.match(limitsOf('patient-a'), { pingIntervalMs: 60_000, pingTimeoutMs: 9000 })
  t.match(limitsOf('eager-a'), { pingIntervalMs: 1000, pingTimeoutMs: 2000 })
})
