import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECK_CODES, CHECKS, type CheckCode } from '../../core/checks/catalog.ts'

/** One side of an example. */
export interface Played {
  /** Manifests. */
  readonly manifests: string
  /** What was seen of the mesh meanwhile, as YAML; '' of checks of manifests. */
  readonly seen: string
}

export interface CheckExample {
  readonly code: CheckCode
  readonly wrong: Played
  readonly right: Played
}

const DIRECTORY = join(import.meta.dirname, 'examples')

/** Checks that take a pod or a mesh that is broken in its own way: they are explained without an example. */
export const WITHOUT_EXAMPLE: ReadonlySet<CheckCode> = new Set([
  'WEFT0304',
  'WEFT0405',
  'WEFT0411',
  'WEFT0605',
])

/** What examples stand beside: manifests, or pods and Services of a mesh that runs. */
export function exampleBase(of: 'files' | 'running'): string {
  return readFileSync(join(DIRECTORY, `base-${of}.yaml`), 'utf8')
}

/** The examples of the catalogue, in order of their codes. Throws Error for a check that has none. */
export function checkExamples(): readonly CheckExample[] {
  return CHECK_CODES.filter((code) => !WITHOUT_EXAMPLE.has(code)).map((code) => {
    const file = join(DIRECTORY, `${code}.yaml`)
    if (!existsSync(file)) throw new Error(`${code} has no example: write ${file}`)
    const [wrong, right] = readFileSync(file, 'utf8').split(/^# right\n/m)
    if (!wrong?.startsWith('# wrong\n') || right === undefined)
      throw new Error(`${file} must begin with "# wrong" and have "# right"`)
    return { code, wrong: playedOf(wrong.slice('# wrong\n'.length)), right: playedOf(right) }
  })
}

function playedOf(text: string): Played {
  const [manifests = '', seen = ''] = text.split(/^# seen\n/m)
  return { manifests, seen }
}

/** Whether it is looked for in manifests alone. */
export function ofManifests(code: CheckCode): boolean {
  return CHECKS[code].by === 'files' || CHECKS[code].by === 'machine'
}
