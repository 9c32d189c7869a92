// Items that become due later, earliest first: a binary heap with the one twist a work queue needs, that an item
// may be scheduled again and then only its earliest time counts.

export class DelayHeap<T> {
  readonly #heap: { item: T; dueMs: number }[] = []
  readonly #dueMs = new Map<T, number>()

  get size(): number {
    return this.#dueMs.size
  }

  /** When the first item is due; null when there is none. */
  get nextDueMs(): number | null {
    this.#dropStale()
    return this.#heap[0]?.dueMs ?? null
  }

  /** Schedules an item; one that is due earlier already stays so. */
  schedule(item: T, dueMs: number): void {
    const known = this.#dueMs.get(item)
    if (known !== undefined && known <= dueMs) return
    this.#dueMs.set(item, dueMs)
    this.#heap.push({ item, dueMs })
    this.#rise(this.#heap.length - 1)
  }

  cancel(item: T): void {
    this.#dueMs.delete(item)
  }

  /** Takes out every item that is due. */
  take(nowMs: number): T[] {
    const due: T[] = []
    for (let nextMs = this.nextDueMs; nextMs !== null && nextMs <= nowMs; nextMs = this.nextDueMs) {
      const { item } = this.#pop()
      this.#dueMs.delete(item)
      due.push(item)
    }
    return due
  }

  /** Entries that were cancelled or scheduled earlier since stay in the heap until they surface. */
  #dropStale(): void {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#dueMs.get(top.item) === top.dueMs) return
      this.#pop()
    }
  }

  #pop(): { item: T; dueMs: number } {
    const [top, last] = [this.#heap[0], this.#heap.pop()]
    if (top === undefined || last === undefined) throw new RangeError('the heap is empty')
    if (this.#heap.length > 0) {
      this.#heap[0] = last
      this.#sink(0)
    }
    return top
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfEarlier(at, parent)) return
      at = parent
    }
  }

  #sink(from: number): void {
    for (let at = from; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const child = this.#dueAt(right) < this.#dueAt(left) ? right : left
      if (!this.#swapIfEarlier(child, at)) return
      at = child
    }
  }

  #swapIfEarlier(lower: number, upper: number): boolean {
    const [below, above] = [this.#heap[lower], this.#heap[upper]]
    if (below === undefined || above === undefined || below.dueMs >= above.dueMs) return false
    this.#heap[lower] = above
    this.#heap[upper] = below
    return true
  }

  #dueAt(index: number): number {
    return this.#heap[index]?.dueMs ?? Infinity
  }
}
