import type { Programs } from '../../programs/programs.ts'
import type { ImageContent } from '../../../../release/image/oci-image.ts'
import type { Images } from './image.ts'

/** Images of the cluster itself, made of programs in the cache. */
export const PAUSE_IMAGE = 'weft.local/pause:1'
export const COREDNS_IMAGE = 'weft.local/coredns:1'

/** Each is one static program. */
export function ownImages(programs: Programs): Images {
  const image = (program: string): ImageContent => ({
    layers: [{ [`/${program}`]: { from: programs.path(program) } }],
    entrypoint: [`/${program}`],
  })
  return { [PAUSE_IMAGE]: image('pause'), [COREDNS_IMAGE]: image('coredns') }
}
