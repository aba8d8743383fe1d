/** A processor that images are made for: what each of the others calls it. */
export interface Architecture {
  /** In OCI's and Debian's words. */
  readonly name: 'amd64' | 'arm64'
  /** In Node.js's, which npm's packages have in their names. */
  readonly node: 'x64' | 'arm64'
  /** Debian's folder of libraries. */
  readonly triplet: string
  /** Path of the dynamic linker, by the ABI of the processor. */
  readonly linker: string
}

export const ARCHITECTURES: readonly Architecture[] = [
  { name: 'amd64', node: 'x64', triplet: 'x86_64-linux-gnu', linker: '/lib64/ld-linux-x86-64.so.2' },
  { name: 'arm64', node: 'arm64', triplet: 'aarch64-linux-gnu', linker: '/lib/ld-linux-aarch64.so.1' },
]
