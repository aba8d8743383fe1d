/** A pool that makes connections within a ConnectionRoom. */
export interface RoomUser {
  /** Somebody waits here for a connection that nobody makes yet. */
  readonly wants: boolean
  /** Its connections are of one caller who logged in on them: others get one only where there is nothing else. */
  readonly kept: boolean
  /** Makes what is wanted, as long as `take` lets it. */
  grow(): void
  /** Closes a connection that carries nothing. False: there is none. */
  yieldIdle(): boolean
}

/**
 * How many connections all pools of an endpoint may have together, those that are being made among them. Where there is
 * no room, pools wait in turns, and what carries nothing goes first, whosever it is.
 */
export class ConnectionRoom {
  #most: number
  #used = 0
  readonly #users = new Set<RoomUser>()
  readonly #queue = new Set<RoomUser>()
  /** The one of the queue that may take now. */
  #turn: RoomUser | undefined
  #sharing = false
  /** All users were looked at since there is a queue: who has an idle connection after that tells by `idle`. */
  #searched = false

  constructor(most: number) {
    this.#most = most
  }

  get used(): number {
    return this.#used
  }

  /** Somebody waits for room. */
  get wanted(): boolean {
    return this.#queue.size > 0
  }

  join(user: RoomUser): void {
    this.#users.add(user)
  }

  /** It makes no more connections; those that it has count until they are given back. */
  leave(user: RoomUser): void {
    this.#users.delete(user)
    this.#queue.delete(user)
  }

  /** What is there stays, also beyond it. */
  limit(most: number): void {
    this.#most = most
    this.#share()
  }

  /** True: one more connection may be made, until `give`. False: `grow` is called once there may be room. */
  take(user: RoomUser): boolean {
    if (this.#used < this.#most && (this.#queue.size === 0 || this.#turn === user)) {
      this.#used++
      return true
    }
    const waited = this.#queue.size > 0
    this.#queue.add(user)
    if (!waited) this.#share()
    return false
  }

  /** One is closed, or did not come about. */
  give(): void {
    this.#used--
    if (this.#queue.size > 0) this.#share()
  }

  /** One of its connections has nothing to carry any more, while there is a queue. */
  idle(user: RoomUser): void {
    if (this.#first() && !user.kept) user.yieldIdle()
  }

  // Not recursive: what is given within it, by a connection that closes at once, is found by the next round.
  #share(): void {
    if (this.#sharing) return
    this.#sharing = true
    for (let user = this.#first(); user; user = this.#first()) {
      if (this.#used >= this.#most) this.#makeRoom(user)
      if (this.#used >= this.#most) break
      this.#queue.delete(user)
      this.#turn = user
      user.grow()
      this.#turn = undefined
    }
    if (this.#queue.size === 0) this.#searched = false
    this.#sharing = false
  }

  /** Who does not want any more has left the queue. */
  #first(): RoomUser | undefined {
    for (const user of this.#queue) {
      if (user.wants) return user
      this.#queue.delete(user)
    }
    return undefined
  }

  #makeRoom(user: RoomUser): void {
    if (user.yieldIdle() || this.#searched) return
    for (const kept of [false, true])
      for (const other of this.#users) if (other.kept === kept && other.yieldIdle()) return
    this.#searched = true
  }
}
