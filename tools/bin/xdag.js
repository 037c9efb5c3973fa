#!/usr/bin/env node
import { main } from '../dist/xdag/main.js';

await main(process.argv);
