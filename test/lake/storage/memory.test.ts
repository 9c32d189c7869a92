import { objectStoreContract } from '#test/contract/object-store.ts'
import { MemoryStore } from '#lake/storage/memory.ts'

objectStoreContract('memory', { open: () => Promise.resolve(new MemoryStore()), largeBytes: 1_000_000 })
