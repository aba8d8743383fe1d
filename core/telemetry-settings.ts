import { durationMs } from './duration.ts'
import { describeError, WeftError } from './errors.ts'
import { LOG_FILTER_TYPE, parseLogFilter, type LogFilter } from './log-filter.ts'

// What a pod, or its namespace, says of its telemetry by annotation: the injector tells the author what is wrong, the control
// plane hands the texts on, and the sidecar reads them.

export const LOG_MODES = ['off', 'failed', 'all'] as const
export type LogMode = (typeof LOG_MODES)[number]

interface Setting {
  /** For the documentation: what may be written, and what holds without it. */
  readonly type: string
  readonly default: string
  readonly doc: string
  /** Throws a WeftError that says what is wrong with the text. */
  readonly parse: (text: string) => number | boolean | LogMode | LogFilter
}

const LONGEST_SLOW_MS = 3_600_000
const MOST_KEPT = 100

/** By name, without its prefix. */
export const TELEMETRY_SETTINGS = {
  'trace-sampling': {
    type: 'number, 0 to 1',
    default: "the mesh's",
    doc: 'Share of the requests without a caller who decided that get a trace. Also on a namespace.',
    parse: share,
  },
  'trace-slow': {
    type: '0, or duration to 1h',
    default: '1s',
    doc: 'From when on a request without an answer counts as slow, so that its span is kept although its trace is not sampled; 0: none is. Also on a namespace.',
    parse(text) {
      const ms = text === '0' ? 0 : durationMs(text)
      if (ms === undefined || ms > LONGEST_SLOW_MS)
        throw invalid('must be 0 or a duration to 1h, such as 500ms or 2s')
      return ms
    },
  },
  'trace-kept': {
    type: `integer, 0 to ${MOST_KEPT}`,
    default: '10',
    doc: 'Failed requests, and slow ones, whose spans a sidecar keeps in one second although their traces are not sampled; 0: none. Also on a namespace.',
    parse(text) {
      const value = /^[0-9]{1,3}$/.test(text) ? Number(text) : MOST_KEPT + 1
      if (value > MOST_KEPT) throw invalid(`must be an integer from 0 to ${MOST_KEPT}`)
      return value
    },
  },
  'access-log': {
    type: LOG_MODES.join(', '),
    default: 'failed',
    doc: "Which requests and connections stand in the sidecar's access log. Also on a namespace, and on an HTTPRoute or GRPCRoute for its requests, at their callers.",
    parse: logMode,
  },
  'access-log-filter': {
    type: LOG_FILTER_TYPE,
    default: 'none',
    doc: 'Which of these requests stand there (docs/observability.md). Also on a namespace, and on an HTTPRoute or GRPCRoute.',
    parse: parseLogFilter,
  },
  'access-log-sampling': {
    type: 'number, 0 to 1',
    default: '1',
    doc: 'Share of the requests that did not fail that stand there, the same on every hop of a trace. Also on a namespace, and on an HTTPRoute or GRPCRoute.',
    parse: share,
  },
  'access-log-otlp': {
    type: 'on, off',
    default: 'off',
    doc: "Whether the lines go to the mesh's collector as log records of OTLP, too. Also on a namespace.",
    parse: onOrOff,
  },
  tap: {
    type: 'on, off',
    default: 'on',
    doc: 'Whether its requests may be listened to as they happen (`weft tap`). Also on a namespace, whose `off` no pod takes back.',
    parse: onOrOff,
  },
} as const satisfies Record<string, Setting>

export type TelemetrySettingName = keyof typeof TELEMETRY_SETTINGS

/** Those that a route has, too, for its requests. */
export const ROUTE_LOG_SETTINGS = ['access-log', 'access-log-filter', 'access-log-sampling'] as const

/** As they were written. */
export type TelemetryTexts = { readonly [name in TelemetrySettingName]?: string }

/** What is not said is not there. */
export type TelemetrySettings = {
  readonly [name in TelemetrySettingName]?: ReturnType<(typeof TELEMETRY_SETTINGS)[name]['parse']>
}

/** Of a route, as it was written; what is not said is not there. */
export type RouteLogTexts = Pick<TelemetryTexts, (typeof ROUTE_LOG_SETTINGS)[number]>
export type RouteLogSettings = Pick<TelemetrySettings, (typeof ROUTE_LOG_SETTINGS)[number]>

const NAMES = Object.keys(TELEMETRY_SETTINGS) as readonly TelemetrySettingName[]

/** Of annotations, whose names have `prefix`. A wrong one counts as absent. */
export function telemetryTexts(
  annotations: Readonly<Record<string, string>>,
  prefix: string,
): TelemetryTexts {
  const texts: { [name in TelemetrySettingName]?: string } = {}
  for (const name of NAMES) {
    const text = annotations[prefix + name]?.trim()
    if (text !== undefined && problemOf(name, text) === undefined) texts[name] = text
  }
  return texts
}

/** Throws WeftError `telemetry.setting` with the name of the field that is unknown or wrong. */
export function readTelemetrySettings(texts: Readonly<Record<string, unknown>>): TelemetrySettings {
  const unknown = Object.keys(texts).find((name) => !NAMES.some((known) => known === name))
  if (unknown !== undefined) throw new WeftError('telemetry.setting', 'is not known', { field: unknown })
  const settings: Record<string, unknown> = {}
  for (const name of NAMES) {
    const text = texts[name]
    if (text === undefined) continue
    const problem = typeof text === 'string' ? problemOf(name, text) : 'must be text'
    if (problem !== undefined) throw new WeftError('telemetry.setting', problem, { field: name })
    settings[name] = TELEMETRY_SETTINGS[name].parse(text as string)
  }
  return settings
}

/** Of a route's annotations; undefined: they say nothing. A wrong one counts as absent: no request is lost for it. */
export function routeLogTexts(
  annotations: Readonly<Record<string, string>>,
  prefix: string,
): RouteLogTexts | undefined {
  const all = telemetryTexts(annotations, prefix)
  const own = ROUTE_LOG_SETTINGS.flatMap((name) =>
    all[name] === undefined ? [] : [[name, all[name]] as const],
  )
  return own.length === 0 ? undefined : Object.fromEntries(own)
}

/** Throws WeftError `telemetry.setting` with the name of the field that is unknown or wrong. */
export function readRouteLog(texts: Readonly<Record<string, unknown>>): RouteLogSettings {
  const unknown = Object.keys(texts).find((name) => !ROUTE_LOG_SETTINGS.some((known) => known === name))
  if (unknown !== undefined) throw new WeftError('telemetry.setting', 'is not known', { field: unknown })
  return readTelemetrySettings(texts)
}

/** What is wrong with a setting's text; undefined: nothing. */
export function telemetryProblem(name: TelemetrySettingName, text: string): string | undefined {
  return problemOf(name, text.trim())
}

/** One of LOG_MODES. Throws a WeftError that says so. */
export function logMode(text: string): LogMode {
  const mode = LOG_MODES.find((known) => known === text)
  if (mode === undefined) throw invalid(`must be one of ${LOG_MODES.join(', ')}`)
  return mode
}

function problemOf(name: TelemetrySettingName, text: string): string | undefined {
  try {
    TELEMETRY_SETTINGS[name].parse(text)
    return undefined
  } catch (error) {
    return describeError(error)
  }
}

function onOrOff(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw invalid('must be on or off')
  return text === 'on'
}

function share(text: string): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : -1
  if (value < 0 || value > 1) throw invalid('must be a number from 0 to 1')
  return value
}

function invalid(message: string): WeftError {
  return new WeftError('annotation.invalid', message)
}
