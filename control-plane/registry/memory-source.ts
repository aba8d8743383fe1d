import { WeftError } from '../../core/errors.ts'
import { Watched } from '../../core/watched.ts'
import { parseManifests } from './parse-manifests.ts'
import { applyChanges, EMPTY_SNAPSHOT, type Change, type Snapshot } from './snapshot.ts'
import { formatSourceError, type Source, type SourceError } from './source.ts'

/** Objects that somebody hands over: tests, tools, and whatever watches elsewhere. */
export class MemorySource implements Source {
  readonly snapshot = new Watched<Snapshot>(EMPTY_SNAPSHOT)
  readonly errors = new Watched<readonly SourceError[]>([])

  /** @throws WeftError `registry.invalid_manifest` with every mistake, one a line. */
  static of(...manifests: readonly string[]): MemorySource {
    const source = new MemorySource()
    for (const text of manifests) source.put(text)
    return source
  }

  /** @throws WeftError `registry.invalid_manifest` */
  put(manifests: string): void {
    const { objects, errors } = parseManifests('manifests', manifests)
    if (errors.length > 0) {
      throw new WeftError('registry.invalid_manifest', errors.map(formatSourceError).join('\n'))
    }
    this.apply(objects.map(({ object }) => ({ op: 'put', object })))
  }

  apply(changes: readonly Change[]): void {
    this.snapshot.set(applyChanges(this.snapshot.value, changes))
  }

  close(): void {}
}
