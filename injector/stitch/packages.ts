import Module from 'module'
import { watchChannels } from './outgoing-grpc.ts'
import { watchDispatchers } from './outgoing-undici.ts'
import { replace } from './replace.ts'

/** Files of packages by the end of what they are asked for, and what becomes of what they export. */
const WATCHED: readonly (readonly [request: string, parent: string, watch: (loaded: unknown) => boolean])[] =
  [
    ['channel', '@grpc/grpc-js', watchChannels],
    ['dispatcher-base', 'undici', watchDispatchers],
  ]

type Load = (request: string, parent: { readonly filename?: string } | undefined, isMain: boolean) => unknown

/** Packages that bring a protocol of their own: told as they are loaded. */
export function watchPackages(): void {
  const seen = new Set<unknown>()
  replace(
    Module,
    '_load',
    (load: Load): Load =>
      function (this: unknown, request, parent, isMain) {
        const loaded = load.call(this, request, parent, isMain)
        const file = lastPart(request)
        for (const [name, inside, watch] of WATCHED) {
          if (file !== name || seen.has(loaded) || !comesFrom(parent?.filename ?? request, inside)) continue
          // Of a file that is asked for while it runs (a circle), what it exports is not there yet.
          if (watch(loaded)) seen.add(loaded)
        }
        return loaded
      },
  )
}

function lastPart(request: unknown): string {
  const [, file = ''] = /([^/\\]+?)(?:\.c?js)?$/.exec(String(request)) ?? []
  return file
}

function comesFrom(file: string, name: string): boolean {
  return file.replace(/\\/g, '/').includes(`/node_modules/${name}/`)
}
