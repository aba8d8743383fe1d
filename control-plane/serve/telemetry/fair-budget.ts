/** What may be held: of one pod, of one namespace, and of all. */
export interface Shares {
  readonly perPod: number
  readonly perNamespace: number
  readonly total: number
}

export interface Owner {
  readonly namespace: string
  readonly pod: string
}

interface PodHeld {
  size: number
  /** What each item takes, in the order in which they were used last. */
  readonly items: Map<string, number>
}

interface NamespaceHeld {
  size: number
  readonly pods: Map<string, PodHeld>
}

/**
 * What reporters have in the memory of a store. When it is too much, the oldest of the greediest goes first: of the
 * namespace that holds most its pod that holds most, and of that what was used the longest ago. Nobody who holds little
 * loses anything to one who brings much.
 */
export class FairBudget {
  readonly #shares: Shares
  readonly #evict: (owner: Owner, item: string) => void
  readonly #namespaces = new Map<string, NamespaceHeld>()
  #size = 0

  /** `evict` is told of each item that has to go; it is not held any more then. */
  constructor(shares: Shares, evict: (owner: Owner, item: string) => void) {
    this.#shares = shares
    this.#evict = evict
  }

  get size(): number {
    return this.#size
  }

  /** What one pod holds. */
  of({ namespace, pod }: Owner): number {
    return this.#namespaces.get(namespace)?.pods.get(pod)?.size ?? 0
  }

  /** This owner's item takes so much now, and was used now. Makes room for it. */
  hold({ namespace, pod }: Owner, item: string, size: number): void {
    const held = this.#namespaces.get(namespace) ?? { size: 0, pods: new Map<string, PodHeld>() }
    const own = held.pods.get(pod) ?? { size: 0, items: new Map<string, number>() }
    this.#namespaces.set(namespace, held)
    held.pods.set(pod, own)
    const growth = size - (own.items.get(item) ?? 0)
    own.items.delete(item)
    own.items.set(item, size)
    this.#grow(held, own, growth)
    const { perPod, perNamespace, total } = this.#shares
    while (own.size > perPod && own.items.size > 1) this.#evictOldest(namespace, pod, own)
    while (held.size > perNamespace && this.#evictOf(namespace, held));
    while (this.#size > total && this.evictOne());
  }

  release({ namespace, pod }: Owner, item: string): void {
    const held = this.#namespaces.get(namespace)
    const own = held?.pods.get(pod)
    const size = own?.items.get(item)
    if (!held || !own || size === undefined) return
    own.items.delete(item)
    this.#grow(held, own, -size)
    if (own.items.size === 0) held.pods.delete(pod)
    if (held.pods.size === 0) this.#namespaces.delete(namespace)
  }

  /** Lets one item go. False: that would be the last one. */
  evictOne(): boolean {
    const [namespace, held] = greediest(this.#namespaces)
    return held !== undefined && this.#evictOf(namespace, held)
  }

  #evictOf(namespace: string, held: NamespaceHeld): boolean {
    const [pod, own] = greediest(held.pods)
    const last = this.#namespaces.size === 1 && held.pods.size === 1 && own?.items.size === 1
    return own !== undefined && !last && this.#evictOldest(namespace, pod, own)
  }

  #evictOldest(namespace: string, pod: string, own: PodHeld): boolean {
    const [oldest] = own.items.keys()
    if (oldest === undefined) return false
    this.release({ namespace, pod }, oldest)
    this.#evict({ namespace, pod }, oldest)
    return true
  }

  #grow(held: NamespaceHeld, own: PodHeld, growth: number): void {
    own.size += growth
    held.size += growth
    this.#size += growth
  }
}

function greediest<T extends { readonly size: number }>(
  groups: ReadonlyMap<string, T>,
): [key: string, group: T | undefined] {
  let key = ''
  let most: T | undefined
  for (const [name, group] of groups) {
    if (most && group.size <= most.size) continue
    key = name
    most = group
  }
  return [key, most]
}
