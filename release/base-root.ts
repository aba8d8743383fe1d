import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Architecture } from './image/architecture.ts'
import { unpackDebian, type DebianPackage } from './debian.ts'
import { npmPackage } from './npm-package.ts'

/** What Node.js is linked with. */
const NODE_NEEDS = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1']
/** Programs of the package iptables that are links which its installation makes, to those with -nft in their names. */
const ALTERNATIVES = /^(ip6?tables)(-save|-restore)?$/
const TABLES = ['iptables', 'ip6tables'].flatMap((name) => [name, `${name}-save`, `${name}-restore`])

/**
 * Puts below `root` what the Dockerfiles take from their base image and from packages: Node.js as npm has it, where the image
 * has it, and the libraries and packages of the same Debian. Gives the packages that were taken.
 */
export async function fillBaseRoot(
  root: string,
  architecture: Architecture,
  {
    suite,
    packages,
    work,
  }: { readonly suite: string; readonly packages: readonly string[]; readonly work: string },
): Promise<readonly DebianPackage[]> {
  // /usr merged, as Debian has it.
  for (const folder of ['bin', 'sbin', 'lib', dirname(architecture.linker).slice(1)]) {
    mkdirSync(join(root, 'usr', folder), { recursive: true })
    if (!existsSync(join(root, folder))) symlinkSync(join('usr', folder), join(root, folder))
  }
  const taken = await unpackDebian(root, [...NODE_NEEDS, ...packages], {
    suite,
    architecture: architecture.name,
  })
  const node = join(await npmPackage(`node-linux-${architecture.node}`, work), 'bin/node')
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true })
  copyFileSync(node, join(root, 'usr/local/bin/node'))
  if (packages.includes('iptables'))
    for (const name of TABLES)
      symlinkSync(name.replace(ALTERNATIVES, '$1-nft$2'), join(root, 'usr/sbin', name))
  return taken
}
