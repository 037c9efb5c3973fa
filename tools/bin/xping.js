#!/usr/bin/env node
import { main } from '../dist/xping/main.js';

await main(process.argv);
