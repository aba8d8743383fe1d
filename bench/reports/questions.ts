import { setTimeout as delay } from 'node:timers/promises'
import { apiHeaders } from '../../cli/mesh/api-headers.ts'
import { WeftError } from '../../core/errors.ts'
import type { Graph } from '../../core/api/traffic.ts'
import type { ReportingService } from './mesh.ts'

/** How long answers to one kind of question took, in milliseconds. */
export interface Answered {
  readonly question: string
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly longest: number
  /** Of the last one. */
  readonly bytes: number
}

/** As the pages of the dashboard ask; `number` varies what is asked for. */
type Question = (services: readonly ReportingService[], number: number) => string

const idOf = (services: readonly ReportingService[], number: number): string => {
  const { name = '', namespace = '' } = services[number % services.length] ?? {}
  return `${name}.${namespace}`
}

const QUESTIONS: readonly (readonly [name: string, ask: Question])[] = [
  ['map, last 30 s', () => '/api/graph?last=30'],
  ['map, last 5 min', () => '/api/graph?last=300'],
  ['series of a Service, 5 min', (all, n) => `/api/series?of=service&name=${idOf(all, n)}&last=300`],
  ['traces, newest 100', () => '/api/traces?last=300&limit=100'],
  ['traces of a Service', (all, n) => `/api/traces?last=300&limit=100&service=${idOf(all, n)}`],
]

const SERIES = /^weft_control_plane_telemetry_entries\{[^}]*weft_store="series"[^}]*\} (\S+)/m
const LONGEST_TURN = /^nodejs_eventloop_delay_max_seconds (\S+)/m

function valueOf(exposition: string, metric: RegExp): number {
  return Number(metric.exec(exposition)?.[1] ?? 0)
}

/** Asks each kind so often a second, one after the other, until told to stop; `since` says from when on answers count. */
export class Questions {
  readonly #base: string
  readonly #services: readonly ReportingService[]
  readonly #times = new Map<string, number[]>(QUESTIONS.map(([name]) => [name, []]))
  readonly #bytes = new Map<string, number>()
  /** Of each second: the longest turn of the event loop, in milliseconds. */
  readonly stalls: number[] = []
  #judged = false
  #over = false

  constructor(base: string, services: readonly ReportingService[]) {
    this.#base = base
    this.#services = services
  }

  /** From now on what is answered counts. */
  judge(): void {
    this.#judged = true
  }

  stop(): void {
    this.#over = true
  }

  /** That the control plane knows now. */
  async series(): Promise<number> {
    return valueOf(await this.#get('/metrics'), SERIES)
  }

  /** Requests between Services since then, as the map has them; whole, as a window's edges share out what they cut. */
  async counted(fromMs: number): Promise<number> {
    const graph = JSON.parse(await this.#get(`/api/graph?from=${fromMs}&to=${Date.now()}`)) as Graph
    const rate = graph.edges.reduce((sum, { traffic }) => sum + traffic.rate, 0)
    return Math.round((rate * (graph.to - graph.from)) / 1000)
  }

  /** Resolves once it was told to stop. Throws where an answer is none. */
  async run(aSecond: number): Promise<void> {
    await Promise.all([this.#stalled(), ...QUESTIONS.map(([name, ask]) => this.#asking(name, ask, aSecond))])
  }

  get answered(): readonly Answered[] {
    return [...this.#times].map(([question, times]) => {
      const sorted = times.toSorted((a, b) => a - b)
      const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0
      const bytes = this.#bytes.get(question) ?? 0
      return { question, count: sorted.length, p50: at(0.5), p99: at(0.99), longest: at(1), bytes }
    })
  }

  async #asking(name: string, ask: Question, aSecond: number): Promise<void> {
    for (let number = 0; !this.#over; number++) {
      const began = performance.now()
      const text = await this.#get(ask(this.#services, number))
      const took = performance.now() - began
      this.#bytes.set(name, text.length)
      if (this.#judged) this.#times.get(name)?.push(took)
      await delay(Math.max(0, 1000 / aSecond - took))
    }
  }

  async #stalled(): Promise<void> {
    while (!this.#over) {
      await delay(1000)
      const longest = valueOf(await this.#get('/metrics'), LONGEST_TURN)
      if (this.#judged) this.stalls.push(longest * 1000)
    }
  }

  async #get(path: string): Promise<string> {
    const answer = await fetch(`${this.#base}${path}`, { headers: apiHeaders() })
    const text = await answer.text()
    if (!answer.ok) throw new WeftError('bench.answer', `${path}: ${answer.status} ${text.slice(0, 200)}`)
    return text
  }
}
