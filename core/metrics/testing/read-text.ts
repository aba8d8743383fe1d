import { boundKey, sampleKey, type ReadMetrics } from './samples.ts'

// Strict readers of both text formats: what the specification does not allow throws, with the line.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?)|\+Inf|-Inf|NaN)$/
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  info: ['_info'],
  histogram: ['_bucket', '_count', '_sum', '_created'],
}

interface Family {
  readonly name: string
  type: string
  unit: string
  help: boolean
}

/** Of Prometheus' text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export function readPrometheusText(text: string): ReadMetrics {
  const reading = new Reading()
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end')
  for (const line of text.split('\n').slice(0, -1)) {
    const described = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (described) {
      const [, what, name = '', rest = ''] = described
      const family = reading.family(name, line)
      if (what === 'HELP') family.help = true
      else if (!['counter', 'gauge', 'histogram'].includes(rest)) fail('no type', line)
      else family.type = rest
      continue
    }
    const { name, labels, value, exemplar } = sampleOf(line)
    if (exemplar !== undefined) fail('an exemplar, which this format has none of', line)
    const family = reading.current(line)
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    if (!suffixes.some((suffix) => name === family.name + suffix)) fail(`no sample of ${family.name}`, line)
    reading.add(name, labels, value, undefined, line)
  }
  return reading.result((family) => family.name)
}

/** Of OpenMetrics 1.0: https://prometheus.io/docs/specs/om/open_metrics_spec/ */
export function readOpenMetrics(text: string): ReadMetrics {
  const reading = new Reading()
  const lines = text.split('\n')
  if (lines.pop() !== '' || lines.pop() !== '# EOF')
    throw new Error('it does not end with # EOF and a line end')
  for (const line of lines) {
    const described = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line)
    if (described) {
      const [, what, name = '', rest = ''] = described
      const family = reading.family(name, line)
      if (what === 'HELP') family.help = true
      else if (what === 'UNIT') {
        if (rest === '' || !name.endsWith(`_${rest}`)) fail('the name does not end with its unit', line)
        family.unit = rest
      } else if (!Object.hasOwn(SUFFIXES, rest)) fail('no type', line)
      else family.type = rest
      continue
    }
    if (line.startsWith('#')) fail('a comment', line)
    const { name, labels, value, exemplar } = sampleOf(line)
    const family = reading.current(line)
    const suffix = SUFFIXES[family.type]?.find((one) => name === family.name + one)
    if (suffix === undefined) fail(`no sample of ${family.name}`, line)
    if (suffix === '_created') continue
    if (exemplar !== undefined && suffix !== '_bucket' && suffix !== '_total')
      fail('an exemplar of no bucket', line)
    if (family.type === 'info' && value !== 1) fail('an info that is not 1', line)
    if (family.type === 'counter' && value < 0) fail('a counter below 0', line)
    reading.add(name, labels, value, exemplar, line)
  }
  return reading.result(
    ({ name, type }) => name + (type === 'counter' ? '_total' : type === 'info' ? '_info' : ''),
  )
}

class Reading {
  readonly #families = new Map<string, Family>()
  readonly #samples = new Map<string, number>()
  readonly #exemplars = new Map<string, string>()
  #current: Family | undefined

  /** The family that the lines of its description and samples belong to: they stand together. */
  family(name: string, line: string): Family {
    if (!NAME.test(name)) fail('no name', line)
    if (this.#current?.name === name) return this.#current
    if (this.#families.has(name)) fail('a family in two places', line)
    this.#current = { name, type: '', unit: '', help: false }
    this.#families.set(name, this.#current)
    return this.#current
  }

  current(line: string): Family {
    return this.#current ?? fail('a sample before its family', line)
  }

  add(
    name: string,
    labels: ReadonlyMap<string, string>,
    value: number,
    exemplar: ReadonlyMap<string, string> | undefined,
    line: string,
  ): void {
    const le = labels.get('le')
    const bound = le === '+Inf' ? Infinity : Number(le)
    if (le !== undefined && Number.isNaN(bound)) fail('no bound', line)
    const key = sampleKey(name, le === undefined ? labels : new Map([...labels, ['le', boundKey(bound)]]))
    if (this.#samples.has(key)) fail('a sample twice', line)
    this.#samples.set(key, value)
    if (!exemplar) return
    const size = [...exemplar].reduce((sum, [label, text]) => sum + label.length + text.length, 0)
    if (size > 128) fail('an exemplar of more than 128 characters', line)
    this.#exemplars.set(key, exemplar.get('trace_id') ?? '')
  }

  result(nameOf: (family: Family) => string): ReadMetrics {
    const types = new Map<string, string>()
    for (const family of this.#families.values()) {
      if (family.type === '' || !family.help) throw new Error(`${family.name} has no type or no help`)
      types.set(nameOf(family), family.type)
    }
    this.#checkHistograms()
    return { types, samples: this.#samples, exemplars: this.#exemplars }
  }

  /** Buckets grow with their bounds, and the last is the count. */
  #checkHistograms(): void {
    const bucketsOf = new Map<string, [bound: number, count: number][]>()
    for (const [key, count] of this.#samples) {
      const found = /^(.*)_bucket\{(.*,)?le="([^"]+)"(,.*)?\}$/.exec(key)
      if (!found) continue
      const [, name, before = '', le, after = ''] = found
      const set = `${name}_count{${(before + after.replace(/^,/, '')).replace(/,$/, '')}}`
      const buckets = bucketsOf.get(set) ?? []
      buckets.push([le === '+Inf' ? Infinity : Number(le), count])
      bucketsOf.set(set, buckets)
    }
    for (const [set, buckets] of bucketsOf) {
      buckets.sort(([a], [b]) => a - b)
      buckets.forEach(([, count], i) => {
        if (i > 0 && count < (buckets[i - 1]?.[1] ?? 0)) throw new Error(`buckets of ${set} shrink`)
      })
      const last = buckets.at(-1)
      if (last?.[0] !== Infinity || last[1] !== this.#samples.get(set))
        throw new Error(`${set} is not what its last bucket says`)
    }
  }
}

function sampleOf(line: string) {
  const name = /^[^\s{]+/.exec(line)?.[0] ?? ''
  if (!NAME.test(name)) fail('no name', line)
  let at = name.length
  let labels = new Map<string, string>()
  if (line[at] === '{') [labels, at] = labelsAt(line, at)
  if (line[at] !== ' ') fail('no value', line)
  const [value = '', ...rest] = line.slice(at + 1).split(' ')
  if (!NUMBER.test(value)) fail('no number', line)
  return { name, labels, value: numberOf(value), exemplar: exemplarOf(rest.join(' '), line) }
}

function exemplarOf(text: string, line: string): Map<string, string> | undefined {
  if (text === '') return undefined
  if (!text.startsWith('# {')) fail('something behind the value', line)
  const [labels, at] = labelsAt(text, 2)
  const numbers = text.slice(at + 1).split(' ')
  if (text[at] !== ' ' || numbers.length !== 2 || !numbers.every((one) => NUMBER.test(one)))
    fail('an exemplar without its value and time', line)
  return labels
}

function labelsAt(text: string, from: number): [Map<string, string>, number] {
  const labels = new Map<string, string>()
  let at = from + 1
  for (;;) {
    const found = /^([^=]+)="((?:[^"\\\n]|\\[\\"n])*)"/.exec(text.slice(at))
    if (!found) return fail('labels that cannot be read', text)
    const [whole, name = '', value = ''] = found
    if (!LABEL.test(name) || labels.has(name)) fail(`label ${name}`, text)
    labels.set(
      name,
      value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char)),
    )
    at += whole.length
    if (text[at] === '}') return [labels, at + 1]
    if (text[at] !== ',') fail('labels without a comma between', text)
    at++
  }
}

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text)
}

function fail(what: string, line: string): never {
  throw new Error(`${what}: ${line}`)
}
