import { describeError } from '../../core/errors.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import type { ReportArchive } from './report-archive.ts'

/** Of `/api/`: what a control plane makes of what it was given. Requests that were observed are not among it. */
const PAGES: readonly (readonly [file: string, page: string])[] = [
  ['mesh', 'mesh'],
  ['problems', 'problems'],
  ['checks', 'checks'],
  ['proxies', 'proxies'],
  ['services', 'services'],
  ['routes', 'routes'],
  ['policies', 'policies'],
  ['canaries', 'canaries'],
  ['denials', 'authorization/denials'],
]

/** Puts in what each replica of the control plane says. */
export async function addControlPlanePages(
  archive: ReportArchive,
  mesh: Pick<MeshApi, 'ask'>,
  progress: (what: string) => void,
): Promise<void> {
  for (const [file, page] of PAGES) {
    progress(`control planes: ${page}`)
    try {
      for (const { replica, body, error, refused } of await mesh.ask(page)) {
        const name = `control-planes/${replica}/${file}.json`
        if (body !== undefined) archive.json(name, body)
        else archive.omit(name, error ?? refused ?? 'it has no such page')
      }
    } catch (error) {
      archive.omit(`control-planes/*/${file}.json`, describeError(error))
    }
  }
}
