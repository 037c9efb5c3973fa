#!/usr/bin/env node
import { main } from '../dist/xrouter/main.js';

await main(process.argv);
