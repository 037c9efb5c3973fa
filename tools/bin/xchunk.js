#!/usr/bin/env node
import { main } from '../dist/xchunk/main.js';

await main(process.argv);
