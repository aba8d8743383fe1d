import { performance, type monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricDescription, MetricFamily } from './family.ts'

// https://opentelemetry.io/docs/specs/semconv/system/process-metrics/ and .../runtime/nodejs-metrics/

type Delays = ReturnType<typeof monitorEventLoopDelay>

const CPU_TIME = {
  name: 'process.cpu.time',
  unit: 's',
  type: 'counter',
  help: 'Time on a CPU, by `cpu_mode`: `user`, `system`.',
} as const
const MEMORY = {
  name: 'process.memory.usage',
  unit: 'By',
  type: 'gauge',
  help: 'Physical memory of the process.',
} as const
const HEAP = {
  name: 'v8js.memory.heap.used',
  unit: 'By',
  type: 'gauge',
  help: 'Of that what the heap of JavaScript holds.',
} as const
const UPTIME = { name: 'process.uptime', unit: 's', type: 'gauge', help: 'Since the process began.' } as const
const UTILIZATION = {
  name: 'nodejs.eventloop.utilization',
  unit: '1',
  type: 'gauge',
  help: 'Share of the time since it began that the event loop was busy, 0 to 1.',
} as const

function delay(of: 'mean' | 'p50' | 'p99' | 'max') {
  return {
    name: `nodejs.eventloop.delay.${of}`,
    unit: 's',
    type: 'gauge',
    help: `By how much the event loop was late since it was asked last, ${of}.`,
  } as const
}

const DELAYS = { mean: delay('mean'), p50: delay('p50'), p99: delay('p99'), max: delay('max') }

/** What a process tells of itself. */
export const PROCESS_METRICS: readonly MetricDescription[] = [CPU_TIME, MEMORY, HEAP, UPTIME, UTILIZATION]

/** And where somebody measures them. */
export const DELAY_METRICS: readonly MetricDescription[] = Object.values(DELAYS)

/** `delays`: of `monitorEventLoopDelay`, begun anew here; left out: they are not told. */
export function processFamilies(delays?: Delays): readonly MetricFamily[] {
  const since = performance.timeOrigin
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const point = (value: number) => [{ attributes: [], value, since }]
  return [
    {
      ...CPU_TIME,
      points: [
        { attributes: [['cpu.mode', 'user']], value: user / 1e6, since },
        { attributes: [['cpu.mode', 'system']], value: system / 1e6, since },
      ],
    },
    { ...MEMORY, points: point(rss) },
    { ...HEAP, points: point(heapUsed) },
    { ...UPTIME, points: point(process.uptime()) },
    { ...UTILIZATION, points: point(performance.eventLoopUtilization().utilization) },
    ...(delays ? delayFamilies(delays) : []),
  ]
}

function delayFamilies(delays: Delays): readonly MetricFamily[] {
  // Before its first observation all of them are meaningless.
  const seconds = (nanoseconds: number): number => (delays.count === 0 ? 0 : nanoseconds / 1e9)
  const values = {
    mean: seconds(delays.mean),
    p50: seconds(delays.percentile(50)),
    p99: seconds(delays.percentile(99)),
    max: seconds(delays.max),
  }
  delays.reset()
  return (['mean', 'p50', 'p99', 'max'] as const).map((of) => ({
    ...DELAYS[of],
    points: [{ attributes: [], value: values[of], since: 0 }],
  }))
}
