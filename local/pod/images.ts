import { CONTROL_PLANE, INIT_CONTAINER, INJECTOR, PROXY_CONTAINER } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { WEFT_PROGRAM } from '../program.ts'

/** What an image name stands for on one machine. */
export interface Image {
  /** Folder that is mounted at /app; undefined for the mesh's own images. */
  readonly directory: string | undefined
  readonly entryPoint: readonly string[]
  readonly workingDirectory: string
}

const WEFT = ['node', `/opt/weft/${WEFT_PROGRAM}`]

/** The mesh's own images: the `weft` command; a container's `args` say which part of it. */
const OWN = new Set([PROXY_CONTAINER, INIT_CONTAINER, CONTROL_PLANE, INJECTOR])

export type ImageFolders = ReadonlyMap<string, string>

/** Finds an image by its full name, its name without tag, or among the mesh's own. */
export function resolveImage(name: string, folders: ImageFolders): Image {
  const untagged = name.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
  const directory = folders.get(name) ?? folders.get(untagged)
  if (directory !== undefined) return { directory, entryPoint: [], workingDirectory: '/app' }
  if (OWN.has(untagged.split('/').at(-1) ?? '')) {
    return { directory: undefined, entryPoint: WEFT, workingDirectory: '/' }
  }
  throw new WeftError(
    'local.unknown_image',
    `no folder is known for image \`${name}\`: pass --image ${name}=FOLDER`,
  )
}

/** The command line of a container: `command` replaces the image's entry point, `args` follow. */
export function commandLine(
  image: Image,
  command: readonly string[] | undefined,
  args: readonly string[],
): string[] {
  const argv = [...(command ?? image.entryPoint), ...args]
  if (argv.length === 0) {
    throw new WeftError(
      'local.no_command',
      'needs a `command`: a folder as an image has no entry point of its own',
    )
  }
  return argv
}
