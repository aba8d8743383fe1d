import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Call } from './app/call.ts'

/** A call from one of the clients of base.yaml, and what must come of it. */
export interface CaseRequest extends Call {
  readonly from?: 'mesh' | 'consumer'
  readonly expect: Expectation
}

export interface Expectation {
  /** 200 unless it says otherwise. */
  readonly status?: number
  /** Of the answer: the value, or null for none. */
  readonly headers?: Readonly<Record<string, string | null>>
  /** Of the request as the application got it: the value, or null for none. */
  readonly received?: Readonly<Record<string, string | null>>
  readonly receivedPath?: string
  readonly receivedHost?: string
  /** `HTTP/1.1` or `HTTP/2.0`. */
  readonly receivedProtocol?: string
  /** How often the application was asked, this time included. */
  readonly times?: number
  readonly version?: string
  /** Of `count` requests, the share of each version in percent, within five points (as upstream has it). */
  readonly shares?: Readonly<Record<string, number>>
  /** All of `count` come to one version. */
  readonly oneVersion?: boolean
  readonly body?: string
  /** The body is a number from the first to the second. */
  readonly bodyBetween?: readonly [number, number]
}

export interface Case {
  /** Of Gateway API, e.g. `HTTPRouteCORS`. */
  readonly feature: string
  readonly name: string
  readonly requests: readonly CaseRequest[]
  /** By `kind/namespace/name` of a route: `Accepted=True/Accepted` and so on, of its first parent, all with its generation. */
  readonly status: Readonly<Record<string, readonly string[]>>
  /** YAML documents that the case adds to the mesh. */
  readonly manifests: string
}

const FOLDER = join(import.meta.dirname, 'cases')

/** One file a case: its description, and the manifests behind it. */
export function readCases(): readonly Case[] {
  return readdirSync(FOLDER)
    .toSorted()
    .map((file) => {
      const [about, ...objects] = parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'))
      const { feature, requests = [], status = {} } = (about?.toJS() ?? {}) as Partial<Case>
      if (feature === undefined) throw new Error(`${file}: the first document must name a feature`)
      const manifests = objects.map((one) => `---\n${JSON.stringify(one.toJS())}\n`).join('')
      return { feature, name: basename(file, '.yaml'), requests, status, manifests }
    })
}
