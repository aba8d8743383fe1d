import { openMesh, type MeshApi, type MeshFlagValues } from '../mesh/mesh-api.ts'

/** The mesh that is meant, opened when it is first asked and kept; after a failure it is looked for again. */
export class OpenOnce {
  readonly #flags: MeshFlagValues
  readonly #given: ReadonlySet<string>
  #mesh: Promise<MeshApi> | undefined

  constructor(flags: MeshFlagValues, given: ReadonlySet<string>) {
    this.#flags = flags
    this.#given = given
  }

  /** Throws what openMesh and `ask` throw. */
  async with<T>(ask: (mesh: MeshApi) => Promise<T>): Promise<T> {
    const opened = (this.#mesh ??= openMesh(this.#flags, this.#given))
    try {
      return await ask(await opened)
    } catch (error) {
      // It may have ended, or not have been there yet; the next question finds out.
      if (this.#mesh === opened) await this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const opened = this.#mesh
    this.#mesh = undefined
    const mesh = await opened?.catch(() => undefined)
    await mesh?.close()
  }
}
