import t from 'tap'
import { describeError } from '../core/errors.ts'
import { readQuotas, type QuotaFlags } from './quotas.ts'

const MIB = 1024 * 1024

t.test('what nobody says is as documented', async (t) => {
  t.match(readQuotas({}), {
    caller: { calls: 32, bytesPerSecond: MIB, burstBytes: 4 * MIB },
    series: { perPod: 4 * MIB, perNamespace: 16 * MIB, total: 32 * MIB },
    traces: { maxBytes: 64 * MIB, maxTraces: 5000 },
  })
})

t.test('each flag sets one of them', async (t) => {
  t.match(readQuotas({ 'calls-per-pod': '64', 'kib-per-second-per-pod': '2048' }), {
    caller: { calls: 64, bytesPerSecond: 2 * MIB, burstBytes: 8 * MIB },
  })
  const series = { 'series-mib-per-pod': '8', 'series-mib-per-namespace': '20', 'series-mib': '64' }
  t.same(readQuotas(series).series, { perPod: 8 * MIB, perNamespace: 20 * MIB, total: 64 * MIB })
  t.match(readQuotas({ 'traces-mib': '128' }), { traces: { maxBytes: 128 * MIB } })
})

t.test('what is out of bounds, or above what it is a part of, is told by its flag', async (t) => {
  const wrong: [QuotaFlags, RegExp][] = [
    [{ 'calls-per-pod': '0' }, /^--calls-per-pod: "0" must be a number from 1 to 1024$/],
    [{ 'kib-per-second-per-pod': '1.5' }, /^--kib-per-second-per-pod: /],
    [{ 'traces-mib': '64Mi' }, /^--traces-mib: "64Mi" must be a number from 1 to 16384$/],
    [{ 'series-mib-per-pod': '17' }, /^--series-mib-per-pod: must not be above --series-mib-per-namespace/],
    [{ 'series-mib': '8' }, /^--series-mib-per-namespace: must not be above --series-mib:/],
  ]
  for (const [flags, message] of wrong) {
    try {
      readQuotas(flags)
      t.fail(String(message))
    } catch (error) {
      t.match(describeError(error), message)
    }
  }
})
