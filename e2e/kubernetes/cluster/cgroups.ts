import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'weft-kubernetes-'

interface Hierarchy {
  /** Where it is mounted. */
  readonly mount: string
  /** Of this process, in the hierarchy. */
  readonly path: string
  readonly version: 1 | 2
}

/** Hierarchies of cgroups(7) that are mounted here, by /proc/self/mountinfo and /proc/self/cgroup. */
export function cgroupHierarchies(mountinfo: string, cgroup: string): Hierarchy[] {
  const found: Hierarchy[] = []
  for (const line of mountinfo.trim().split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root, mount = ''] = before.split(' ')
    const [type, , options = ''] = after.split(' ')
    if (type !== 'cgroup' && type !== 'cgroup2') continue
    const controllers = new Set(options.split(','))
    const own = cgroup
      .trim()
      .split('\n')
      .map((entry) => entry.split(':'))
      .find(([number, names = '']) =>
        type === 'cgroup2'
          ? number === '0'
          : names !== '' && names.split(',').every((one) => controllers.has(one)),
      )
    const path = own?.slice(2).join(':')
    if (path === undefined || root !== '/') continue
    found.push({ mount, path, version: type === 'cgroup2' ? 2 : 1 })
  }
  return found
}

/**
 * Makes a cgroup of the cluster's own in each hierarchy, below the caller's (in the unified one below the root: a
 * cgroup with processes cannot have children with controllers). Gives their directories. What clusters left here that
 * were killed together with all that watches over them is removed first.
 */
export function makeCgroups(id: string): string[] {
  const hierarchies = cgroupHierarchies(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
  )
  const unifiedOnly = hierarchies.every(({ version }) => version === 2)
  return hierarchies.map(({ mount, path, version }) => {
    const parent = join(mount, version === 2 && unifiedOnly ? '/' : path)
    sweep(parent)
    const own = join(parent, `${PREFIX}${id}`)
    mkdirSync(own)
    // A new cpuset is empty, and takes no process before it has processors.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (version === 1 && existsSync(join(own, file)))
        writeFileSync(join(own, file), readFileSync(join(parent, file)))
    }
    return own
  })
}

function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    // One that starts has no process in its cgroup yet, but its directory.
    const mine = name.startsWith(PREFIX) && !existsSync(join(tmpdir(), name.slice(PREFIX.length)))
    if (mine) removeTree(join(parent, name))
  }
}

/** Children first; one with processes stays. */
function removeTree(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(directory, entry.name))
    }
    rmdirSync(directory)
  } catch {
    // In use, or gone meanwhile.
  }
}
