// Where a lane's thread begins: the cache of compiled code is per thread and must be on before anything is loaded.
import { enableCompileCache } from 'node:module'

enableCompileCache()
await import('./lane.ts')
