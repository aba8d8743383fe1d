import { CONTROL_PLANE, INIT_CONTAINER, INJECTOR, PROXY_CONTAINER } from '../../core/contract.ts'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import { CONTAINER_PATH } from './container-root.ts'
import type { ContainerSpec } from '../manifest/pod-spec.ts'
import { WEFT_PROGRAM } from '../program.ts'

/** What an image name stands for on one machine. */
export interface Image {
  /** Folder that is mounted at /app; undefined for the mesh's own images, and for a name that stands for none. */
  readonly directory: string | undefined
  readonly entryPoint: readonly string[]
  readonly workingDirectory: string
  /** No folder stands for the name: the command is one of the machine's own programs. */
  readonly borrowed: boolean
}

const WEFT = ['node', `/opt/weft/${WEFT_PROGRAM}`]

/** The image of the pod that calls Services for this machine. */
export const INGRESS = 'weft-ingress'

/** The mesh's own images: the `weft` command; a container's `args` say which part of it. */
const OWN = new Set([PROXY_CONTAINER, INIT_CONTAINER, CONTROL_PLANE, INJECTOR, INGRESS])

export type ImageFolders = ReadonlyMap<string, string>

/** Whether the machine has a program of this name or path, where containers see it. */
export type HasProgram = (program: string) => boolean

/** The programs of a container root: those of the machine that every container sees. */
export function programsOf(containerRoot: string): HasProgram {
  const runs = (path: string) => {
    try {
      accessSync(join(containerRoot, path), constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  return (program) =>
    program.includes('/')
      ? program.startsWith('/') && runs(program)
      : CONTAINER_PATH.split(':').some((directory) => runs(join(directory, program)))
}

type Runnable = Pick<ContainerSpec, 'image' | 'command' | 'args' | 'mounts'>

/**
 * Finds an image by its full name, its name without tag, or among the mesh's own. Where no folder stands for the name,
 * a `command` that is a program of the machine runs all the same: containers see the machine's programs anyway, and
 * nothing else of it. Throws a WeftError, `local.unknown_image` or `local.no_command`, where there is nothing to run.
 */
export function resolveImage(container: Runnable, folders: ImageFolders, hasProgram: HasProgram): Image {
  const { image: name, command } = container
  const untagged = withoutTag(name)
  const directory = folders.get(name) ?? folders.get(untagged)
  if (directory !== undefined) {
    if (!command?.length && container.args.length === 0) {
      throw new WeftError(
        'local.no_command',
        'needs a `command`: a folder as an image has no entry point of its own',
      )
    }
    return { directory, entryPoint: [], workingDirectory: '/app', borrowed: false }
  }
  if (OWN.has(untagged.split('/').at(-1) ?? '')) {
    return { directory: undefined, entryPoint: WEFT, workingDirectory: '/', borrowed: false }
  }
  const [program] = command ?? []
  if (program === undefined) {
    throw unknown(name, 'no folder stands for it, and without a `command` there is nothing to run')
  }
  if (!hasProgram(program) && !container.mounts.some((mount) => program.startsWith(`${mount.path}/`))) {
    throw unknown(name, `no folder stands for it, and this machine has no program \`${program}\``)
  }
  return { directory: undefined, entryPoint: [], workingDirectory: '/', borrowed: true }
}

/** What to know of a container whose command is the machine's own, for want of an image. */
export function borrowedNote(image: Image, container: Runnable): string | undefined {
  if (!image.borrowed) return undefined
  const program = container.command?.[0] ?? ''
  return `no folder stands for image \`${container.image}\`: it runs this machine's own \`${program}\`, without files of the image (${remedy(container.image)})`
}

function remedy(name: string): string {
  return `pass --image ${withoutTag(name)}=FOLDER`
}

/** The command line of a container: `command` replaces the image's entry point, `args` follow. */
export function commandLine(
  image: Image,
  command: readonly string[] | undefined,
  args: readonly string[],
): string[] {
  return [...(command ?? image.entryPoint), ...args]
}

function withoutTag(name: string): string {
  return name.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
}

function unknown(name: string, why: string): WeftError {
  return new WeftError('local.unknown_image', `image \`${name}\`: ${why}: ${remedy(name)}`)
}
