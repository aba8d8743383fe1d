import { join } from 'node:path'
import type { Programs } from '../../programs/programs.ts'
import { writeImage } from './image.ts'

/** Images of the cluster itself, made of programs in the cache. */
export const PAUSE_IMAGE = 'weft.local/pause:1'
export const COREDNS_IMAGE = 'weft.local/coredns:1'

/** Writes their archives into `directory` and gives the paths. Both are one static program. */
export function writeOwnImages(directory: string, programs: Programs): string[] {
  const archives: string[] = []
  for (const [image, program] of [
    [PAUSE_IMAGE, 'pause'],
    [COREDNS_IMAGE, 'coredns'],
  ] as const) {
    const archive = join(directory, `${program}.tar`)
    const layers = [{ [`/${program}`]: { from: programs.path(program) } }]
    writeImage(archive, image, { layers, entrypoint: [`/${program}`] })
    archives.push(archive)
  }
  return archives
}
