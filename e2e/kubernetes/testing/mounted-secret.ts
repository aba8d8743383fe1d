import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A directory that changes as the kubelet changes a mounted Secret: a new directory, then one link to it is swapped. */
export class MountedSecret {
  readonly directory: string
  #version = 0

  constructor(directory: string, files: Readonly<Record<string, string>>) {
    this.directory = directory
    mkdirSync(directory, { recursive: true })
    this.write(files)
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(directory, name))
  }

  write(files: Readonly<Record<string, string>>): void {
    const before = this.#at(this.#version++)
    const now = this.#at(this.#version)
    mkdirSync(now)
    for (const [name, text] of Object.entries(files)) writeFileSync(join(now, name), text)
    const link = join(this.directory, '..data')
    symlinkSync(`..${this.#version}`, `${link}_tmp`)
    renameSync(`${link}_tmp`, link)
    rmSync(before, { recursive: true, force: true })
  }

  #at(version: number): string {
    return join(this.directory, `..${version}`)
  }
}
